// Text of venues, clients and files on its way to a person. A control character in it would be a command to the terminal:
// it is shown as an escape instead.

/** C0, DEL, C1, line and paragraph separators, and what turns the direction of text round. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu
const NAMES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x1b': '\\e' }

/** The text on one line, with each control character as an escape: '\n', '\e', '\x07', '\u202e'. */
export function printable(text: string): string {
  return text.replace(CONTROLS, escaped)
}

/** The same of JSON, whose own escapes stand: a parser reads what was there. */
export function printableJson(json: string): string {
  return json.replace(CONTROLS, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return NAMES[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`)
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
