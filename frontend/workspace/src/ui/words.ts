const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const UNITS: Array<[Intl.RelativeTimeFormatUnit, number]> = [['day', 86_400], ['hour', 3_600], ['minute', 60]]

/** How long ago a moment was, in words. */
export function ago (at: string | number, now = Date.now()): string {
  const seconds = (now - new Date(at).getTime()) / 1000
  for (const [unit, size] of UNITS) {
    if (seconds >= size) return RELATIVE.format(-Math.floor(seconds / size), unit)
  }
  return 'just now'
}

/** The time of a moment, and its date unless it is today's. */
export function at (moment: string | number): string {
  const when = new Date(moment)
  const time = when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  return when.toDateString() === new Date().toDateString() ? time : `${when.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${time}`
}

/** How many edits the server has not confirmed and where they are: what is kept in the browser outlives the page. */
export function edits (count: number, kept: number, here: string): string {
  const [number, where] = kept > 0 ? [kept, 'in this browser'] : [count, here]
  return `${number === 1 ? '1 unsaved edit is' : `${number} unsaved edits are`} kept ${where}.`
}
