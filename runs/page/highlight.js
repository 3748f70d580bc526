// Python code in pieces of a kind each: it is coloured when it is shown, which costs a page of 20,000 answers nothing.

const TOKENS = new RegExp(
  [
    /(?<comment>#[^\n]*)/,
    /(?<string>[rbuft]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?))/,
    /(?<decorator>(?<=(?:^|\n)[ \t]*)@[\w.]+)/,
    /(?<number>\b\d[\w.]*)/,
    /(?<word>[\p{L}_][\p{L}\p{N}_]*)/,
  ]
    .map((one) => one.source)
    .join("|"),
  "giu",
);
const KEYWORDS = new Set(
  "False None True and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield".split(" "),
);
const BUILTINS = new Set(
  "abs all any bool bytearray bytes callable chr complex dict dir divmod enumerate eval exec filter float format frozenset getattr hasattr hash hex id input int isinstance issubclass iter len list map max memoryview min next object open ord pow print property range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip self cls Exception ValueError TypeError KeyError IndexError RuntimeError".split(" "),
);

// [kind, text] of each piece, in order; together they are the code.
function piecesOf(code) {
  const pieces = [];
  let done = 0;
  let before = "";
  for (const match of code.matchAll(TOKENS)) {
    const [kind, text] = Object.entries(match.groups).find(([, found]) => found !== undefined);
    if (match.index > done) pieces.push(["", code.slice(done, match.index)]);
    pieces.push([kind === "word" ? kindOfWord(text, before) : kind, text]);
    before = text;
    done = match.index + text.length;
  }
  pieces.push(["", code.slice(done)]);
  return pieces;
}

function kindOfWord(word, before) {
  if (before === "def" || before === "class") return "name";
  if (KEYWORDS.has(word)) return "keyword";
  return BUILTINS.has(word) ? "builtin" : "";
}
