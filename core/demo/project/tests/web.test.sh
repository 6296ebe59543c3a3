expect "the page needs nothing from elsewhere: the cable is for the horn" "" "$(grep -l '//[a-z]' web/*.html web/*.css)"
