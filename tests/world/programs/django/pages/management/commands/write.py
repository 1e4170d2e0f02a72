import sys

from django.core.management.base import BaseCommand
from pages.greetings import greet
from pages.models import Page


class Command(BaseCommand):
    help = "Writes a page."

    def handle(self, *args, **options):
        Page.objects.create(title=greet("ada"))
        titles = list(Page.objects.values_list("title", flat=True))
        self.stdout.write(f"{titles} {'django.core.handlers.base' in sys.modules}")
