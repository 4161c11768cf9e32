foreach(unit bestof bootstrap bradley calibration kendall normal roc)
  drover_test(stats/${unit} NEEDS stats)
endforeach()
