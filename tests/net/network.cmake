# Fleets over network namespaces (README.md here). The smoke is part of ./check; what measures is run by hand.
add_test(NAME net/smoke COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/smoke.py ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(net/smoke PROPERTIES LABELS "e2e;net" TIMEOUT 480 COST 240 PROCESSORS 2 SKIP_RETURN_CODE 77
  ENVIRONMENT_MODIFICATION "${DROVER_PATH}")

add_test(NAME net/ways COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/ways.py ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(net/ways PROPERTIES LABELS "e2e;net" TIMEOUT 600 COST 300 PROCESSORS 2 SKIP_RETURN_CODE 77
  ENVIRONMENT_MODIFICATION "${DROVER_PATH}")

# The same fleet with every process under a checker, by hand: `ctest --preset tsan -R net/fleet` in a build of that preset, and
# `ctest --preset release -R long/fleet_valgrind`.
if(SANITIZE STREQUAL "thread")
  add_test(NAME net/fleet_tsan COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/checked.py tsan ${PROJECT_BINARY_DIR}/bin)
  set_tests_properties(net/fleet_tsan PROPERTIES LABELS net TIMEOUT 900 RUN_SERIAL ON SKIP_RETURN_CODE 77
    ENVIRONMENT_MODIFICATION "${DROVER_PATH}")
elseif(NOT SANITIZE)
  add_test(NAME long/fleet_valgrind COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/checked.py valgrind ${PROJECT_BINARY_DIR}/bin)
  set_tests_properties(long/fleet_valgrind PROPERTIES LABELS long TIMEOUT 1800 RUN_SERIAL ON SKIP_RETURN_CODE 77
    ENVIRONMENT_MODIFICATION "${DROVER_PATH}")
endif()
