# tests/outside: programs of somebody else, built against an installed weir by tests/scripts.

EXTRA_DIST += tests/outside/cmake/CMakeLists.txt \
	tests/outside/cmake/middle.c \
	tests/outside/cmake/program.cc \
	tests/outside/cmake/through_middle.c \
	tests/outside/cmake/without.c \
	tests/outside/module.c \
	tests/outside/onnxruntime.c \
	tests/outside/opencv.cc \
	tests/outside/opener.c \
	tests/outside/program.c \
	tests/outside/torch.cc \
	tests/outside/xnnpack.c
