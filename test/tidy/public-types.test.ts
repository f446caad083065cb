// What users can name: every type that the signatures of the package mention.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/lib/paths.mjs'

/** Types of our own that the exports of a declaration file name and that it does not export, as 'name (of what)'. */
function unnamed(file: string, own: (path: string) => boolean): string[] {
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    skipLibCheck: true,
  })
  const checker = program.getTypeChecker()
  const index = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.Node) as ts.Symbol
  const real = (symbol: ts.Symbol): ts.Symbol =>
    (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol
  const exported = new Map(checker.getExportsOfModule(index).map((symbol) => [real(symbol), symbol.name]))
  const missing = new Set<string>()

  function check(name: ts.Node, of: string): void {
    const found = checker.getSymbolAtLocation(name)
    if (found === undefined) return
    const symbol = real(found)
    const declaration = symbol.declarations?.[0]
    if (declaration === undefined || exported.has(symbol) || !own(declaration.getSourceFile().fileName)) return
    if (!ts.isTypeParameterDeclaration(declaration)) missing.add(`${symbol.name} (of ${of})`)
  }

  function walk(node: ts.Node, of: string): void {
    const flags = ts.canHaveModifiers(node) ? ts.getCombinedModifierFlags(node as ts.Declaration) : 0
    if ((flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0) return
    if (ts.isTypeReferenceNode(node)) check(node.typeName, of)
    else if (ts.isImportTypeNode(node) && node.qualifier !== undefined) check(node.qualifier, of)
    ts.forEachChild(node, (child) => walk(child, of))
  }

  for (const [symbol, name] of exported) for (const declaration of symbol.declarations ?? []) walk(declaration, name)
  return [...missing].sort()
}

describe('the package', () => {
  it('exports every type that its signatures name', () => {
    const file = join(ROOT, 'dist/index.d.ts')
    expect(existsSync(file), 'npm run build makes it').toBe(true)
    expect(unnamed(file, (path) => path.includes('/dist/'))).toEqual([])
  })

  it('is found out when it does not', () => {
    const file = join(import.meta.dirname, 'samples/unnamed.d.ts')
    expect(unnamed(file, (path) => path.includes('/samples/'))).toEqual([
      'Hidden (of open)',
      'Inner (of Shown)',
      'Inner (of Used)',
    ])
  })
})
