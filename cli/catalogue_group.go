package cli

import "fmt"

// text is a text for people, English then Persian.
type text [2]string

// tell returns a text in the person's language.
func (a *app) tell(t text, args ...any) string { return fmt.Sprintf(t[a.lang], args...) }

// The texts of groups and of what is done to messages. Arguments that are ids, paths or
// foreign text come in already isolated.
//
//nolint:staticcheck // ST1018: Persian spelling needs the zero width non-joiner
var (
	txtGroupMade     = text{"Group %s made: %s. You are its owner.", "گروه %s ساخته شد: %s. مالک آن شمایید."}
	txtGroupInvited  = text{"%s is invited to %s.", "%s به %s دعوت شد."}
	txtGroupJoining  = text{"You have accepted. %s is there when %s's device has let you in.", "پذیرفتید. %s هنگامی باز می‌شود که دستگاه %s شما را راه دهد."}
	txtGroupRemoved  = text{"%s is out of %s. What is written from now on they can't read.", "%s از %s بیرون رفت. آنچه از این پس نوشته شود برای او خواندنی نیست."}
	txtGroupLeft     = text{"You have left %s.", "از %s بیرون رفتید."}
	txtGroupRole     = text{"%s is %s of %s now.", "اکنون %s %s گروه %s است."}
	txtGroupSent     = text{"Written to %s: %s", "در %s نوشته شد: %s"}
	txtNoGroups      = text{"You are in no group. Make one: parsctl group create TITLE", "در هیچ گروهی نیستید. برای ساختن: parsctl group create TITLE"}
	txtGroupLine     = text{"%s  %s  %s members, %s messages, you are %s", "%s  %s  %s عضو، %s پیام، شما %s"}
	txtGroupOut      = text{"%s  %s  you are not a member", "%s  %s  عضو نیستید"}
	txtInvitation    = text{"%s  %s  invited by %s; accept: %s", "%s  %s  دعوت از %s؛ برای پذیرفتن: %s"}
	txtInvitedWaits  = text{"%s  %s  accepted; %s's device has not let you in yet", "%s  %s  پذیرفته‌اید؛ دستگاه %s هنوز راه نداده است"}
	txtYou           = text{"you", "شما"}
	txtWaiting       = text{"has not got the keys yet", "کلیدها هنوز به او نرسیده است"}
	txtNothing       = text{"Nothing has been written.", "چیزی نوشته نشده است."}
	txtDeleted       = text{"(deleted)", "(پاک شده)"}
	txtEdited        = text{"edited", "ویرایش شده"}
	txtOutside       = text{"written outside the group, after a removal", "بیرون از گروه نوشته شده، پس از برکناری"}
	txtConflict      = text{"the sender gave others another text under this id", "فرستنده با همین شناسه متن دیگری به دیگران داده است"}
	txtReplyMissing  = text{"a message that is not here", "پیامی که اینجا نیست"}
	txtRead          = text{"read", "خوانده شده"}
	txtDone          = text{"Done: %s", "انجام شد: %s"}
	txtRoleMember    = text{"member", "عضو"}
	txtRoleAdmin     = text{"admin", "مدیر"}
	txtRoleOwner     = text{"owner", "مالک"}
	txtErrNoGroup    = text{"there is no such group here", "چنین گروهی اینجا نیست؛ parsctl group list"}
	txtErrTwoGroups  = text{"more than one group has that title", "بیش از یک گروه این نام را دارد؛ شناسه را بنویسید"}
	txtErrInvited    = text{"there is no such invitation", "چنین دعوتی نیست"}
	txtErrGroupTitle = text{"this can't be a title", "این نام گروه نمی‌شود"}
	txtErrNotMember  = text{"you are not a member", "عضو این گروه نیستید"}
	txtErrRight      = text{"your role does not allow that", "نقش شما در گروه این را روا نمی‌دارد"}
	txtErrNoMember   = text{"this person is no member", "این شخص عضو گروه نیست"}
	txtErrIsMember   = text{"this person is a member already", "این شخص عضو گروه است"}
	txtErrGroupFull  = text{"the group is full", "گروه پر است"}
	txtErrGroups     = text{"there are too many groups", "شمار گروه‌ها به بیشینه رسیده است"}
	txtErrBusy       = text{"the group changes too fast, try again", "گروه در حال دگرگونی است؛ دوباره بکوشید"}
	txtErrNoMessage  = text{"there is no such message", "چنین پیامی نیست"}
	txtErrNotOwn     = text{"only who wrote a message can change it", "تنها نویسندهٔ پیام می‌تواند آن را دگرگون کند"}
	txtErrContent    = text{"this can't be sent", "این را نمی‌توان فرستاد"}
)

// groupReasons maps what the daemon's errors carry in [ReasonHeader] to texts.
var groupReasons = map[string]text{
	"no-group": txtErrNoGroup, "group-two": txtErrTwoGroups, "no-invitation": txtErrInvited, "group-title": txtErrGroupTitle,
	"not-member": txtErrNotMember, "group-right": txtErrRight, "no-member": txtErrNoMember, "is-member": txtErrIsMember,
	"group-full": txtErrGroupFull, "groups-full": txtErrGroups, "group-busy": txtErrBusy, "no-message": txtErrNoMessage,
	"not-own": txtErrNotOwn, "content": txtErrContent,
}
