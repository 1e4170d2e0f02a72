"""The outside world on loopback: as much of OpenAI and Microsoft Graph as the agency uses.

It imports nothing from the rest of the agency, so it proves the wire format and not our own classes.
"""
