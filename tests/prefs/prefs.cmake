foreach(unit store next)
  drover_test(prefs/${unit} NEEDS prefs m)
  target_sources(test_prefs_${unit} PRIVATE prefs/study.c)
endforeach()
