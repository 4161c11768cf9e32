foreach(unit votes leaderboard)
  drover_test(ratings/${unit} NEEDS ratings support)
endforeach()
