/*
 * observe/pprof_fields.h - the numbers of the fields of pprof's profile.proto, for all that writes
 * one: observe/pprof.c of a running process, tools/report/pprof.c of a recording. Owns nothing; no
 * state, no lock.
 */
#ifndef WEIR_OBSERVE_PPROF_FIELDS_H
#define WEIR_OBSERVE_PPROF_FIELDS_H

enum weir__pprof_profile {
    WEIR__PPROF_SAMPLE_TYPE = 1,
    WEIR__PPROF_SAMPLE = 2,
    WEIR__PPROF_MAPPING = 3,
    WEIR__PPROF_LOCATION = 4,
    WEIR__PPROF_FUNCTION = 5,
    WEIR__PPROF_STRING = 6,
    WEIR__PPROF_TIME = 9,
    WEIR__PPROF_DURATION = 10,
    WEIR__PPROF_PERIOD_TYPE = 11,
    WEIR__PPROF_PERIOD = 12,
    WEIR__PPROF_DEFAULT_TYPE = 14
};

enum weir__pprof_value_type { WEIR__PPROF_TYPE_NAME = 1, WEIR__PPROF_TYPE_UNIT = 2 };

enum weir__pprof_sample {
    WEIR__PPROF_SAMPLE_LOCATIONS = 1, /* packed, the call itself first */
    WEIR__PPROF_SAMPLE_VALUES = 2,    /* packed, one for each type */
    WEIR__PPROF_SAMPLE_LABEL = 3
};

enum weir__pprof_label {
    WEIR__PPROF_LABEL_KEY = 1,
    WEIR__PPROF_LABEL_TEXT = 2,
    WEIR__PPROF_LABEL_NUMBER = 3
};

enum weir__pprof_mapping {
    WEIR__PPROF_MAPPING_ID = 1,
    WEIR__PPROF_MAPPING_START = 2,
    WEIR__PPROF_MAPPING_END = 3,
    WEIR__PPROF_MAPPING_PATH = 5,
    WEIR__PPROF_MAPPING_BUILD_ID = 6,
    WEIR__PPROF_MAPPING_HAS_FUNCTIONS = 7
};

enum weir__pprof_location {
    WEIR__PPROF_LOCATION_ID = 1,
    WEIR__PPROF_LOCATION_MAPPING = 2,
    WEIR__PPROF_LOCATION_ADDRESS = 3,
    WEIR__PPROF_LOCATION_LINE = 4
};

enum weir__pprof_line { WEIR__PPROF_LINE_FUNCTION = 1 };

enum weir__pprof_function {
    WEIR__PPROF_FUNCTION_ID = 1,
    WEIR__PPROF_FUNCTION_NAME = 2,
    WEIR__PPROF_FUNCTION_FULL_NAME = 3
};

#endif
