foreach(unit store next export import power kill)
  drover_test(prefs/${unit} NEEDS exchange prefs m)
  target_sources(test_prefs_${unit} PRIVATE prefs/study.c prefs/trade.c)
endforeach()
target_sources(test_prefs_power PRIVATE prefs/power.c)
# The same with thousands of power cuts and hundreds of kills.
add_test(NAME prefs/power_long COMMAND ${CMAKE_COMMAND} -E env DROVER_POWER_IMAGES=4000 $<TARGET_FILE:test_prefs_power>)
add_test(NAME prefs/kill_long COMMAND ${CMAKE_COMMAND} -E env DROVER_KILL_ROUNDS=400 $<TARGET_FILE:test_prefs_kill>)
set_tests_properties(prefs/power_long prefs/kill_long PROPERTIES LABELS long TIMEOUT 900)
