"""What an answer's text measures: the static quality of one program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxFault:
    """Why the interpreter does not compile a program: the exception's class and message, and the line, from 1 up.

    The message is the interpreter's own and quotes no more of the program than a name.
    """

    exception: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """A rule of ruff, and the lines at which the program breaks it, one for each finding."""

    rule: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arity:
    """How many arguments a function takes by position: at least and at most, None for any number."""

    least: int
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halstead:
    """Halstead's measures of a whole program, from its numbers of operators and operands."""

    distinct_operators: int
    distinct_operands: int
    operators: int
    operands: int
    volume: float
    difficulty: float
    effort: float
    bugs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Measures that need a syntax tree.

    Cyclomatic complexity: the largest and the mean of functions and methods (closures count with the function around
    them; the module's own where it has none), and that of the whole program. Cognitive complexity: the largest
    function's, and that of the whole program. `logical_lines`, `source_lines` and `comment_lines` are radon's lloc,
    sloc and comments. `calls` are all call expressions, `api_calls` those of what the program does not define itself.
    `arity` is that of the entry point where it is a function at the top level.
    """

    cyclomatic_max: int
    cyclomatic_mean: float
    cyclomatic_total: int
    cognitive_max: int
    cognitive_total: int
    halstead: Halstead
    maintainability: float
    logical_lines: int
    source_lines: int
    comment_lines: int
    docstring_lines: int
    functions: int
    documented: int
    calls: int
    api_calls: int
    arity: Arity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Measures of one program.

    `prompt_share` is the share of its lines that are lines of the prompt too; blank ones do not count, nor does
    indentation. `fault` is there where it does not compile on this interpreter: then there is no `structure`, no lint
    and no undefined name to speak of. `grammatical` is tree-sitter's opinion, which depends on no interpreter and is
    lenient: it takes an indented block that is missing for an empty one.
    """

    lines: int
    blank_lines: int
    prompt_share: float
    grammatical: bool
    fault: SyntaxFault | None = None
    undefined_names: tuple[str, ...] = ()
    lint: tuple[Lint, ...] = ()
    structure: Structure | None = None

    @property
    def parses(self) -> bool:
        return self.fault is None

    @property
    def valid(self) -> bool:
        """Statically valid, after ToolGen: it compiles, and uses no name that is not defined anywhere."""
        return self.parses and not self.undefined_names
