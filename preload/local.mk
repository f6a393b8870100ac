# preload: see Makefile.am for the variables to add to.
