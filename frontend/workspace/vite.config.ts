import { defineConfig } from 'vite'

const path = (name: string): string => decodeURIComponent(new URL(name, import.meta.url).pathname)

export default defineConfig({
  base: '/static/workspace/',
  resolve: {
    alias: { '@bduf/realtime': path('../sdk/src/index.ts'), entities: path('src/session/entities.ts') },
    // The SDK is compiled along: both must mean the same Yjs.
    dedupe: ['yjs', 'lib0', 'y-protocols']
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: path('../../collaboration/static/workspace'),
    emptyOutDir: true,
    manifest: 'manifest.json',
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: {
      input: path('src/main.tsx'),
      // What Mermaid shares with us has chunks of its own: with ours, its hundred would have other names after every change.
      output: { codeSplitting: { groups: [{ name: 'dompurify', test: /dompurify/ }, { name: 'preload', test: /preload-helper/ }] } }
    }
  }
})
