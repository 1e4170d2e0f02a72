from django.http import Http404, HttpResponse
from pages.greetings import greet
from pages.models import Page


def hello(request, name):
    return HttpResponse(greet(name))


async def later(request, name):
    return HttpResponse(greet(name))


def titles(request):
    return HttpResponse(",".join(Page.objects.values_list("title", flat=True)))


def missing(request):
    raise Http404("no such page")


def broken(request):
    raise RuntimeError("on purpose")
