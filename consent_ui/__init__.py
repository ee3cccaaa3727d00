"""The people's window: server-rendered pages for patients, researchers, stewards and data protection officers.

The pages work without JavaScript. They call `connector.services` and nothing below it.
"""
