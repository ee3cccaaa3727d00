"""What people and officers are entitled to take away: receipts, a person's file, the register of processing.

A paper is composed once, as a `sheets.Sheet`, and set as a page that works offline or as a PDF (`typeset`).
"""
