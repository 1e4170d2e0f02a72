import typer

app = typer.Typer()


@app.command()
def hello(name: str, times: int = 1):
    for _ in range(times):
        typer.echo(greet(name))


@app.command()
def refuse(name: str):
    typer.echo(f"{name} is not welcome", err=True)
    raise typer.Exit(3)


@app.command()
def version():
    typer.echo("1.0")
    raise typer.Exit


def greet(name):
    return f"Hello, {name}"
