"""Makes a package of this folder, which then stands before the library."""
