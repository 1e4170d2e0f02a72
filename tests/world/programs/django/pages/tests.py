from django.conf import settings
from django.test import TestCase, override_settings
from pages.models import Page

MIDDLEWARE = list(settings.MIDDLEWARE)


class PagesTest(TestCase):
    def test_hello(self):
        self.assertEqual(self.client.get("/hello/ada").content, b"Hello, ada!")

    @override_settings(MIDDLEWARE=["django.middleware.common.CommonMiddleware"])
    def test_other_middleware(self):
        Page.objects.create(title="one")
        self.assertEqual(self.client.get("/titles").content, b"one")
        self.assertEqual(len(settings.MIDDLEWARE), 1)

    def test_settings(self):
        self.client.get("/hello/bob")
        self.assertEqual(settings.MIDDLEWARE, MIDDLEWARE)
