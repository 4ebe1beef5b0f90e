/** Icons, drawn on a grid of 24. */

const PATHS = {
  approval: 'M12 3l7 2.8v5.4c0 4.4-2.9 7.8-7 9.3-4.1-1.5-7-4.9-7-9.3V5.8zM8.8 12l2.3 2.3 4.2-4.5',
  settings: 'M4 7.5h9M17 7.5h3M4 16.5h3M11 16.5h9M15 5.5v4M9 14.5v4',
  bell: 'M18 15.5V10a6 6 0 0 0-12 0v5.5L4.5 18h15zM10 20.5h4',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  people: 'M16 20v-1.5a3.5 3.5 0 0 0-3.5-3.5h-5A3.5 3.5 0 0 0 4 18.5V20M10 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM20 20v-1.5a3.5 3.5 0 0 0-2.5-3.35M15.5 4.2a3.5 3.5 0 0 1 0 6.6',
  chat: 'M20 11.5a7.5 7.5 0 0 1-7.5 7.5H5l1.6-2.9A7.5 7.5 0 1 1 20 11.5z',
  activity: 'M4 12h4l3-7 3 14 3-7h3',
  history: 'M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5M12 8v4.5l3 1.8',
  share: 'M10 14a4.5 4.5 0 0 0 6.4 0l3-3A4.5 4.5 0 0 0 13 4.6l-1 1M14 10a4.5 4.5 0 0 0-6.4 0l-3 3A4.5 4.5 0 0 0 11 19.4l1-1',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6z',
  pencil: 'M4 20h4L19.5 8.5a2.1 2.1 0 0 0-3-3L5 17v3zM14.5 7.5l3 3',
  document: 'M14 3.5H7A1.5 1.5 0 0 0 5.5 5v14A1.5 1.5 0 0 0 7 20.5h10a1.5 1.5 0 0 0 1.5-1.5V8L14 3.5zM14 3.5V8h4.5M9 13h6M9 16.5h6',
  more: 'M5 12h.01M5.4 12h.01M12 12h.01M12.4 12h.01M19 12h.01M19.4 12h.01M5.2 11.8v.4M12.2 11.8v.4M19.2 11.8v.4',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1',
  moon: 'M20 14.2A8 8 0 1 1 9.8 4a6.4 6.4 0 0 0 10.2 10.2z',
  send: 'M5 12h14M13 6l6 6-6 6',
  pause: 'M9 5.5v13M15 5.5v13',
  play: 'M7.5 5.5v13l11-6.5z',
  leave: 'M14 4.5H6.5A1.5 1.5 0 0 0 5 6v12a1.5 1.5 0 0 0 1.5 1.5H14M10.5 12H20M16.5 8.5L20 12l-3.5 3.5',
  stop: 'M6.5 6.5h11v11h-11z',
  brush: 'M4 20c3 0 4.5-1.2 4.5-3.2A2.8 2.8 0 0 0 5.7 14C4 14 4 16 4 20zM9.5 14.5L20 4M12.5 17.5L20 4',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  back: 'M14.5 6l-6 6 6 6',
  list: 'M8.5 6.5H20M8.5 12H20M8.5 17.5H20M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01'
} as const

export type IconName = keyof typeof PATHS

export function Icon ({ name }: { name: IconName }) {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={PATHS[name]} /></svg>
}

export function Mark () {
  return <svg viewBox="0 0 24 24" aria-hidden="true">
    <rect x="2" y="2" width="20" height="20" rx="6" fill="var(--accent)" />
    <path d="M8 7.5h3.5a3 3 0 0 1 0 6H8zM8 13.5h4a2.75 2.75 0 0 1 0 5.5H8zM8 7.5V19" transform="translate(1 -1.25)" fill="none" stroke="var(--on-accent)" stroke-width="1.9" stroke-linejoin="round" />
  </svg>
}
