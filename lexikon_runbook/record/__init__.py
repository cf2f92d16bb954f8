"""The record of a run: written as it goes, ended well or badly, and read again later."""
