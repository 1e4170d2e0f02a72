"""Microsoft Graph, by hand over aiohttp: the SDK for it weighs half a gigabyte. Knows SharePoint, not our workflow."""
