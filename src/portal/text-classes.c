/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/language.h"

#include <stddef.h>

/* Classes and what stands on every page of one. */
const LanguageText text_classes[] = {
        { "Archived", { "Archived", "已归档" } },
        { "ClassPages", { "Pages of this class", "本班级的页面" } },
        { "Classes", { "Classes", "班级" } },
        { "Locked", { "Locked", "已锁定" } },
        { "TabAssessments", { "Assessments", "考核项目" } },
        { "TabGrades", { "Grades", "成绩" } },
        { "TabHistory", { "History", "历史记录" } },
        { "TabPeople", { "People", "成员" } },
        { "TabSettings", { "Settings", "设置" } },
        {},
};
