"""A group of commands that knows what was meant by a slip of the keyboard."""

import difflib

import click


class Suggesting(click.Group):
    """A group that lists its commands in the order of first use, and suggests similar ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            path = " ".join(["perdure", *ctx.command_path.split()[1:]])
            hint = f'Did you mean "{close[0]}"?' if close else f"See {path} --help."
            ctx.fail(f'There is no command "{name}". {hint}')
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)  # in the order of first use, not of the alphabet
