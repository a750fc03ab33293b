"""perdure as it would be without metrics, events and traces, for bench_metrics.py to compare with.

    python bench/unwatched.py serve -c bench/app/wrangler.toml

Runs the command ``perdure`` from its sources, from which every statement is taken that counts or
asks whether somebody watches. How many that were is written to standard error.
"""

import ast
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType

taken: list[str] = []


class Unwatched(ast.NodeTransformer):
    """Takes out what metrics have put in."""

    def _take(self, node: ast.stmt) -> ast.stmt:
        taken.append(ast.unparse(node).splitlines()[0])
        return ast.copy_location(ast.Pass(), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        """``counters.messages_sent += 1``, ``self.server.counts.answered[...] += 1``"""
        text = ast.unparse(node.target)
        is_ours = text.startswith("counters.") or ".counts.answered" in text
        return self._take(node) if is_ours else node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """``counters.commits.add(...)``"""
        return self._take(node) if ast.unparse(node).startswith("counters.") else node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """``turn.since_s = ...``"""
        target = node.targets[0]
        is_ours = isinstance(target, ast.Attribute) and target.attr == "since_s"
        return self._take(node) if is_ours else node

    def visit_If(self, node: ast.If) -> ast.stmt:
        """``if watch.tell is not None: ...``"""
        test = ast.unparse(node.test)
        if test.startswith(("watch.", "socket_watch.")) or test.endswith("since_s"):
            self._take(node)
            return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return node


class Loader(SourceFileLoader):
    """Compiles a module without them, and leaves what Python keeps of compiled modules alone."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        tree = ast.fix_missing_locations(Unwatched().visit(ast.parse(source)))
        code: CodeType = compile(tree, self.path, "exec")
        return code


class Finder(MetaPathFinder):
    """Finds perdure's modules, and nothing else."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if not fullname.startswith("perdure."):
            return None
        spec = PathFinder.find_spec(fullname, path)  # type: ignore[arg-type]  # as it was given
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(fullname, spec.loader.path)
        return spec


if __name__ == "__main__":
    sys.meta_path.insert(0, Finder())
    from perdure.cli.main import main
    from perdure.runtime.sockets import client_socket  # noqa: F401  # a server would load it later

    print(f"taken out: {len(taken)} statements", file=sys.stderr)
    sys.exit(main())
