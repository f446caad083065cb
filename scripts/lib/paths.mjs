// Where set-up reads and writes, as absolute paths. Plain Node: this runs before node_modules exists.
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '')
export const ADDON = `${ROOT}/build/release/tickforge.node`
export const PRINT_LAYOUT = `${ROOT}/build/release/print_layout`
export const NATIVE_TESTS = `${ROOT}/build/release/tickforge_test`
export const NUMBERED_TRADES = `${ROOT}/build/release/numbered_trades`
export const LAYOUT = `${ROOT}/src/records/layout.ts`
export const VENV = `${ROOT}/.venv`
export const VENV_PYTHON = `${VENV}/bin/python`
