import stamps


def on_page_markdown(markdown, page, config, files):
    return stamps.stamped(markdown, page.title)
