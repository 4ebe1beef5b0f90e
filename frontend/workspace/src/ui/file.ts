/** Has the browser save a file. */
export function save (file: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name.replace(/[^\p{L}\p{N} ._()-]+/gu, '-')
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
