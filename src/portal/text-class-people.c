/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/language.h"

#include <stddef.h>

/* Who is in a class, and who teaches it. */
const LanguageText text_class_people[] = {
        { "AddTeacher", { "Add teacher", "添加教师" } },
        { "DoneEnrolled", { "They are in the class.", "已加入班级。" } },
        { "DoneStudentTaken", { "The student was taken out of the class. The grades are kept.", "学生已移出班级，成绩予以保留。" } },
        { "DoneTeacherAdded", { "The teacher was added.", "教师已添加。" } },
        { "DoneTeacherTaken", { "The class was taken from the teacher.", "该教师不再任教本班级。" } },
        { "Enrol", { "Add students", "添加学生" } },
        { "EnrolChoose", { "Students to be added", "要添加的学生" } },
        { "EnrolChosen", { "Add the chosen students", "添加所选学生" } },
        { "EnrolEverybody", { "Everybody is in this class already.", "所有学生都已在本班级中。" } },
        { "EnrolMore", { "{{NMore}} more are not shown: look for a name.", "还有 {{NMore}} 名未显示：请搜索姓名。" } },
        { "EnrolNobody", { "Choose at least one student.", "请至少选择一名学生。" } },
        { "EnrolNotFound", { "Nobody of that name is outside this class. Look for another part of the name.",
          "本班级之外没有叫这个名字的学生。请用姓名的其他部分搜索。" } },
        { "EnrolSearch", { "Part of a name, or a number", "姓名的一部分或编号" } },
        { "NoStudentsHere", { "There are no students in this class yet. Add the first ones.", "本班级还没有学生。请添加。" } },
        { "NoStudentsHereYet", { "There are no students in this class yet.", "本班级还没有学生。" } },
        { "NoTeachersHere", { "Nobody teaches this class yet.", "本班级还没有教师。" } },
        { "Search", { "Search", "搜索" } },
        { "TakeOut", { "Take out", "移出" } },
        { "TakeStudent", { "Take a student out of the class", "将学生移出班级" } },
        { "TakeTeacher", { "Take the class from a teacher", "取消教师的任教" } },
        { "Teacher", { "Teacher", "教师" } },
        { "TeacherN", { "Teacher {{Value}}", "教师 {{Value}}" } },
        { "Teachers", { "Teachers", "教师" } },
        {},
};
