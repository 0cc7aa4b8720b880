# To be sourced. new_node sets `run`, what must stand before node, npm or npx so that they run with a Node.js that is new
# enough (Vite's 20.19 or 22.12); Debian 12 brings 18, npm's package `node` a newer one. False where there is none.
run=()
new_node() {
  command -v npm >/dev/null || return 1
  node -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && return
  run=(npx --yes --package=node@22 --)
  "${run[@]}" node --version >/dev/null 2>&1
}
