/* observe/library.h - a name that brings the start of libweir (library.c) into static
 * links: the link lines ask for it. */
#ifndef WEIR_OBSERVE_LIBRARY_H
#define WEIR_OBSERVE_LIBRARY_H

extern const char weir__library_is_linked;

#endif
