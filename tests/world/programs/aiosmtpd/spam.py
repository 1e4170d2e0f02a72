def score(content):
    return 100 // content.count(b"!")
