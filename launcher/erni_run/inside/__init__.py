"""The application's own process. Nothing in here may raise into the application, print into its streams or wait on
it.
"""
