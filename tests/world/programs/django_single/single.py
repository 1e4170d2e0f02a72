import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
from greetings import greet

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="none")


def hello(request, name):
    return HttpResponse(f"{greet(name)} {settings.MIDDLEWARE} {settings.is_overridden('MIDDLEWARE')}")


urlpatterns = [path("hello/<name>", hello)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
