from django.urls import path
from pages import views

urlpatterns = [
    path("hello/<name>", views.hello),
    path("later/<name>", views.later),
    path("titles", views.titles),
    path("missing", views.missing),
    path("broken", views.broken),
]
