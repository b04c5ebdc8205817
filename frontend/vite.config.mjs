// Builds the page and lays Swagger UI beside it for /api/docs, so that nothing is loaded from outside.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { defineConfig } from "vite";

const swagger = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
// Folded: two hundred operations drawn at once take seconds.
const START =
  'SwaggerUIBundle({ url: "/api/v1/openapi.json", dom_id: "#docs", deepLinking: true, docExpansion: "none", filter: true });\n';

const docs = {
  name: "docs",
  closeBundle() {
    const folder = join(import.meta.dirname, "dist/assets/docs");
    mkdirSync(folder, { recursive: true });
    for (const file of ["swagger-ui.css", "swagger-ui-bundle.js"]) copyFileSync(join(swagger, file), join(folder, file));
    writeFileSync(join(folder, "start.js"), START);
  },
};

export default defineConfig({
  plugins: [docs],
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 2000 },
  server: { proxy: { "/api": { target: "http://localhost:8300", ws: true } } },
});
