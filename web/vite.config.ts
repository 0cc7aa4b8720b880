import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    modulePreload: false,
    // One script and one style sheet under steady names: the program carries them and marks them with an ETag.
    rollupOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        assetFileNames: 'assets/app[extname]',
        codeSplitting: false,
      },
    },
  },
  // npm run dev: the pages of this folder in front of a running mop serve.
  server: { proxy: { '/api': 'http://127.0.0.1:8080' } },
});
