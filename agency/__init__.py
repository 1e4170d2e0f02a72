"""Erni Foto Agency: photographs of timber buildings, described by a model and filed in SharePoint."""

__version__ = "1.0.0"
