import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Previews have names of their own, so every host is answered.
export default defineConfig({ plugins: [react()], server: { host: '0.0.0.0', port: 5173, allowedHosts: true } })
