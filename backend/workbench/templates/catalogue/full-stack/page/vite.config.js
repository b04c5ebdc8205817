import { defineConfig } from 'vite'

export default defineConfig({
  server: {
    host: '0.0.0.0',
    port: 5173,
    allowedHosts: true, // previews have names of their own
    proxy: { '/api': 'http://api:8000' },
  },
})
