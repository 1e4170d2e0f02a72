"""What a user changes in the files of startproject."""

from pathlib import Path

with Path("site1/settings.py").open("a") as settings:
    settings.write("""
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS += ["pages"]
ROOT_URLCONF = "pages.urls"
""")
