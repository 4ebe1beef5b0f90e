/** Whether the server is still there: by a clock, and by the time of day, as clocks stand still while a computer sleeps. */

export class Pulse {
  private heard = 0
  private allowed = Infinity
  private clock: ReturnType<typeof setTimeout> | undefined

  constructor (private readonly gone: () => void) {}

  /** Allows so many seconds of silence from now on. */
  allow (seconds: number): void {
    this.heard = Date.now()
    this.allowed = seconds * 1000
    clearTimeout(this.clock)
    this.clock = setTimeout(this.gone, this.allowed)
  }

  /** Looks at the time of day. */
  look (): void {
    if (Date.now() - this.heard > this.allowed) this.gone()
  }

  stop (): void {
    this.allowed = Infinity
    clearTimeout(this.clock)
  }
}
