# End-to-end tests of the whole fleet; drover_e2e is in cmake/settings.cmake.
drover_e2e(same_end 400)
drover_e2e(same_end_bf16 400)
drover_e2e(same_end_int8 400)
drover_e2e(methods_end 300 SLOTS 2)
drover_e2e(details 120 SLOTS 2)
drover_e2e(others 300)
drover_e2e(liar 240)
drover_e2e(people 400 SLOTS 2)
drover_e2e(roles 500 SLOTS 2)
drover_e2e(siege 300)
drover_e2e(watching 120 SLOTS 2)
drover_e2e(stalls 120)
drover_e2e(ipv6 240)
drover_e2e(table 60)
drover_e2e(lag 300)
drover_e2e(turns 400)
drover_e2e(hosts 400 SLOTS 2)
# Three seconds in ./check; a minute, under sanitizers, in `nightly`, which runs all that is a fuzzer.
drover_e2e(hostile 240)
set_tests_properties(e2e/hostile PROPERTIES LABELS "e2e;fuzz")

# The long tier, not in ./check: `ctest --preset release -L long`. Every kill, cut and stop, some
# 25 minutes; all of others.py; leases without end; and an exact optimum through the real processes, a minute each.
add_test(NAME long/same_end COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/same_end.py
  ${PROJECT_BINARY_DIR}/bin all)
add_test(NAME long/exact_fleet COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/exact_fleet.py
  ${PROJECT_BINARY_DIR}/bin 0 v0 lag0)
add_test(NAME long/others COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/others.sh ${PROJECT_BINARY_DIR}/bin all)
add_test(NAME long/restarted COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/roles.sh ${PROJECT_BINARY_DIR}/bin restarted)
set_tests_properties(long/restarted PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME long/parents COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/parents.sh ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(long/parents PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME long/flood COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/hostile.sh ${PROJECT_BINARY_DIR}/bin flood)
set_tests_properties(long/flood PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT DROVER_FUZZ_SECONDS=30)
set_tests_properties(long/flood long/parents long/restarted long/others long/same_end long/exact_fleet PROPERTIES LABELS long TIMEOUT 7200 RUN_SERIAL ON)
