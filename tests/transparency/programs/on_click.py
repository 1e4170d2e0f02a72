"""click: nested groups, all kinds of parameters, errors, prompts, output of every sort."""

import sys

import click
from click.testing import CliRunner
from observe import describe, show

runner = CliRunner()


class Aliased(click.Group):
    def get_command(self, ctx, name):
        found = [command for command in self.list_commands(ctx) if command.startswith(name)]
        if len(found) > 1:
            ctx.fail(f"too many matches: {', '.join(sorted(found))}")
        return super().get_command(ctx, found[0]) if found else None


@click.group(cls=Aliased, context_settings={"auto_envvar_prefix": "SHOP"})
@click.option("--debug/--no-debug", default=False, envvar="SHOP_DEBUG")
@click.version_option("1.2.3", prog_name="shop")
@click.pass_context
def shop(ctx, debug):
    """Photographs for sale."""
    ctx.obj = {"debug": debug}


@shop.command(epilog="Bye.")
@click.argument("names", nargs=-1, required=True)
@click.option("-n", "--count", type=click.IntRange(1, 5), default=1, show_default=True, help="How often.")
@click.option("--size", type=(float, str), default=(1.5, "cm"))
@click.option("--kind", type=click.Choice(["small", "large"], case_sensitive=False), multiple=True)
@click.option("-v", "--verbose", count=True)
@click.pass_obj
def order(obj, names, count, size, kind, verbose):
    """Order NAMES."""
    click.echo(f"{obj} {names} {count} {size} {kind} {verbose}")
    click.secho("bold", bold=True, fg="red")
    return len(names)


@shop.group(chain=True, invoke_without_command=True)
@click.option("--when", type=click.DateTime(["%Y-%m-%d"]))
@click.pass_context
def steps(ctx, when):
    """Several steps."""
    click.echo(f"when {when} then {ctx.invoked_subcommand}")


@steps.command()
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
def login(password):
    click.echo(len(password))
    return "logged in"


@steps.command(deprecated=True)
@click.confirmation_option(prompt="Sure?")
@click.argument("file", type=click.File("r"))
def read(file):
    click.echo(file.read())
    return "read"


@steps.result_callback()
def finish(results, when):
    click.echo(f"results {results}")


@shop.command()
@click.option("--how", type=click.UNPROCESSED, callback=lambda ctx, param, value: value and value.upper())
@click.pass_context
def fail(ctx, how):
    if how == "ABORT":
        raise click.Abort
    if how == "USAGE":
        raise click.BadParameter("bad", param_hint="how")
    if how == "FILE":
        raise click.FileError("x.txt", "gone")
    if how == "EXIT":
        ctx.exit(3)
    with click.progressbar(range(3), label="counting", file=sys.stdout) as numbers:
        click.echo(sum(numbers))
    raise ValueError(how)


CASES = [
    (["--help"], None),
    (["--version"], None),
    (["order", "--help"], None),
    (["ord", "a", "b", "-n", "3", "--size", "2", "m", "--kind", "LARGE", "-vvv"], None),
    (["order"], None),
    (["order", "a", "-n", "9"], None),
    (["order", "a", "--kind", "huge"], None),
    (["order", "a", "--siez", "2"], None),
    (["s"], None),
    (["steps", "--when", "2024-05-06"], None),
    (["steps", "--when", "soon"], None),
    (["steps", "login", "read", "--yes", "in.txt"], "secret\nsecret\n"),
    (["steps", "login"], "one\ntwo\nthree\nthree\n"),
    (["steps", "read", "in.txt"], "n\n"),
    (["steps", "read", "missing.txt", "--yes"], None),
    (["fail"], None),
    *[(["fail", "--how", how], None) for how in ("abort", "usage", "file", "exit", "other")],
    (["nothing"], None),
    ([], None),
]

with open("in.txt", "w") as file:
    file.write("contents")
for arguments, answers in CASES:
    result = runner.invoke(shop, arguments, input=answers, color=True, env={"SHOP_DEBUG": "1"})
    print(arguments, result.exit_code, repr(result.output), repr(result.exception), sep=" | ")
show("without a runner", shop.main, ["order", "x"], standalone_mode=False)
show("an exception without a runner", shop.main, ["fail"], standalone_mode=False)

show("wrapped", click.wrap_text, "word " * 40, width=30, initial_indent="* ", preserve_paragraphs=True)
show("unstyled", click.unstyle, click.style("text", fg="green", underline=True))
show("info", lambda: sorted(shop.to_info_dict(click.Context(shop))["commands"]))
show("context", lambda: click.get_current_context())
show("a deprecated name", lambda: click.get_text_stream)
show("call", order.callback)
describe("click")
