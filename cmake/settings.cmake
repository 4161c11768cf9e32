set(SANITIZE "" CACHE STRING "e.g. address,undefined or thread")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g") # asserts stay: a bug stops, it does not corrupt
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

# Same bits (docs/MATH.md §1): no contraction, no fast-math, FMAs only where written.
add_library(settings INTERFACE)
target_include_directories(settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(settings INTERFACE _POSIX_C_SOURCE=200809L DROVER_VERSION="${PROJECT_VERSION}")
option(DROVER_WERROR "a warning is an error: for us, not for those whose compiler knows other warnings" OFF)
target_compile_options(settings INTERFACE -Wall -Wextra $<$<BOOL:${DROVER_WERROR}>:-Werror> -Wshadow -Wconversion
  -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -fno-common -ffp-contract=off
  $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>) # clang tells of loops that a sanitizer keeps from vectors
if(SANITIZE)
  if(SANITIZE MATCHES "address")
    # GCC 14's fake stack is not aligned for AVX-512's vectors: no such stack, no use after return found.
    target_compile_options(settings INTERFACE
      $<IF:$<C_COMPILER_ID:GNU>,--param=asan-use-after-return=0,-fsanitize-address-use-after-return=never>)
  endif()
  target_compile_options(settings INTERFACE -fsanitize=${SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(settings INTERFACE -fsanitize=${SANITIZE})
endif()

# drover_library(proto SOURCES msg.c codec.c NEEDS base PkgConfig::zmq)
function(drover_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;NEEDS" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC settings ${arg_NEEDS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${arg_NEEDS})
  endif()
endfunction()

# drover_process(actor SOURCES conf.c actor.c NEEDS proto net lm): the library `actor`,
# which tests link, and the program `drover-actor`, which adds main.c.
function(drover_process name)
  drover_library(${name} ${ARGN})
  add_executable(drover-${name} main.c)
  target_link_libraries(drover-${name} PRIVATE ${name})
  set_target_properties(drover-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS drover-${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# The tests' Python: a python3 that has zmq and msgpack, which another may hide in PATH.
set(DROVER_PATH)
find_program(DROVER_PYTHON python3 NO_CACHE)
foreach(python ${DROVER_PYTHON} /usr/bin/python3)
  execute_process(COMMAND ${python} -c "import zmq, msgpack" RESULT_VARIABLE lacks ERROR_QUIET)
  if(lacks EQUAL 0)
    cmake_path(GET python PARENT_PATH folder)
    set(DROVER_PATH "PATH=path_list_prepend:${folder}")
    break()
  endif()
endforeach()

# drover_test(proto/codec NEEDS proto) builds tests/proto/test_codec.c and runs it
function(drover_test path)
  cmake_parse_arguments(arg "" "TIMEOUT" "NEEDS;LABELS" ${ARGN})
  cmake_path(GET path PARENT_PATH folder)
  cmake_path(GET path FILENAME unit)
  string(REPLACE "/" "_" target test_${path})
  add_executable(${target} ${folder}/test_${unit}.c)
  target_link_libraries(${target} PRIVATE ${arg_NEEDS} support PkgConfig::cmocka)
  add_test(NAME ${path} COMMAND ${target})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 180) # generous: machines are shared and sanitizers slow
  endif()
  set_tests_properties(${path} PROPERTIES TIMEOUT ${arg_TIMEOUT} COST ${arg_TIMEOUT} LABELS "unit;${arg_LABELS}"
    ENVIRONMENT "DROVER_TEST_DATA=${DROVER_TEST_DATA};OMP_NUM_THREADS=2;OMP_WAIT_POLICY=passive;HF_HUB_OFFLINE=1;UBSAN_OPTIONS=print_stacktrace=1" # a name of a hub: no test asks it
    ENVIRONMENT_MODIFICATION "${DROVER_PATH}")
endfunction()

# drover_e2e(spine 120): tests/e2e/spine.sh BIN_FOLDER over the built programs, at most 120 s alone on two cores.
# Status 77 is a skip. Run in the release build, several at a time, the longest first: most of their time they wait.
# SLOTS n of ctest's -j for one that computes on several threads, or looks at the clock.
function(drover_e2e name seconds)
  cmake_parse_arguments(arg "" "SLOTS" "" ${ARGN})
  if(NOT arg_SLOTS)
    set(arg_SLOTS 1)
  endif()
  math(EXPR beside "2 * ${seconds}")
  add_test(NAME e2e/${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/${name}.sh ${PROJECT_BINARY_DIR}/bin)
  set_tests_properties(e2e/${name} PROPERTIES LABELS e2e TIMEOUT ${beside} COST ${seconds} PROCESSORS ${arg_SLOTS}
    ENVIRONMENT "DROVER_TEST_DATA=${DROVER_TEST_DATA};HF_HUB_OFFLINE=1" ENVIRONMENT_MODIFICATION "${DROVER_PATH}" SKIP_RETURN_CODE 77)
endfunction()
