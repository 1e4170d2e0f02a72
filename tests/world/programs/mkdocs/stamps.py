def stamped(markdown, title):
    return f"{markdown}\n\n{title}, first edition\n"
