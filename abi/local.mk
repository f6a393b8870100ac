# abi: the interface as it was described, for tests/scripts/abi.sh; docs/internals/abi.md docs/internals/api.md.

abi_description = abi/libweir-0.2.0.xml
EXTRA_DIST += abi/declarations abi/declarations.awk abi/describe abi/update $(abi_description)

# After a change of the public headers that is meant: src/weir.map and the description, in the source.
abi-update:
	CC='$(CC)' $(SHELL) $(top_srcdir)/abi/update '$(abs_top_srcdir)' '$(abs_top_builddir)/include' '$(abi_description)'

.PHONY: abi-update
