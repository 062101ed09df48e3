package cli

// The texts for people. Arguments that are ids, paths or foreign text come in
// already isolated.
const (
	msgUnreachable key = iota
	msgYourID
	msgPhraseIntro
	msgPhraseNext
	msgRestored
	msgRestoreAsk
	msgNoIdentity
	msgCreated
	msgLink
	msgCardWritten
	msgCardNext
	msgContactAdded
	msgContactUpdated
	msgContactRemoved
	msgContactBlocked
	msgContactUnblocked
	msgBlocked
	msgContactRenamed
	msgNoContacts
	msgSafety
	msgSafetyHow
	msgConfirmed
	msgUnconfirmed
	msgRequest
	msgExpires
	msgStateQueued
	msgStateStored
	msgStateDelivered
	msgStateFailed
	msgStateReceived
	msgTo
	msgFrom
	msgNoMessages
	msgNotDelivered
	msgFailed
	msgNetwork
	msgDataDir
	msgPeerID
	msgAddress
	msgPeers
	msgQueued
	msgProtected
	msgUnprotected
	msgSince
	msgNoPeers
	msgOutbound
	msgInbound
	msgQRStop
	msgQRFrame
	msgErrNoIdentity
	msgErrIdentityExists
	msgErrPhrase
	msgErrCard
	msgErrCardAltered
	msgErrCardExpired
	msgErrCardFuture
	msgErrOwnCard
	msgErrNoContact
	msgErrNameTaken
	msgErrBadName
	msgErrBadText
	msgErrFull
	msgSpaceMade
	msgSpaceJoined
	msgSpaceLink
	msgSpacePublic
	msgNoSpaces
	msgSpaceLine
	msgNoPosts
	msgPostOwn
	msgPostUnnamed
	msgPostForked
	msgPostUnreadable
	msgSpaceAlone
	msgSyncEqual
	msgSyncProblem
	msgSpaceExported
	msgSpaceImported
	msgNoNotes
	msgNoteLine
	msgNoteLast
	msgNoteForked
	msgNoteWritten
	msgNoteMerged
	msgErrNoSpace
	msgErrSpaceLink
	msgErrSpaceTitle
	msgErrSpaceName
	msgErrSpaceText
	msgErrSpaceFull
	msgErrSpaceExport
	msgErrSpaceUnknown
	msgErrSpaceEarlier
	msgErrSpaceTwo
	msgErrNoNote
	msgErrNoteName
	msgErrNoteText
	msgErrNoteBase
	msgErrNoteFull
	msgErrNoteBusy
	msgNoServices
	msgServicesKnown
	msgServiceOwn
	msgServiceUntil
	msgLeft
	msgLeftSome
	msgErrNoService
	msgThresholdPassphrase
	msgThresholdPassphraseAgain
	msgThresholdCreated
	msgThresholdFingerprint
	msgThresholdCardNext
	msgThresholdCard
	msgThresholdCeremony
	msgThresholdWaiting
	msgThresholdUnreadable
	msgThresholdAgain
	msgThresholdGroup
	msgThresholdGroupID
	msgThresholdKey
	msgThresholdNoGroups
	msgThresholdSignature
	msgThresholdCheck
	msgThresholdBlamed
	msgThresholdSuspects
	msgErrThresholdHome
	msgErrThresholdExists
	msgErrThresholdPassphrase
	msgErrThresholdLocked
	msgErrThresholdCard
	msgErrThresholdSetup
	msgErrThresholdName
	msgErrThresholdDamaged
	msgOraclePassphrase
	msgOracleFeed
	msgOracleSigned
	msgOracleSent
	msgOracleDone
	msgOracleNotNeeded
	msgErrChainUnreachable
	msgErrChainFailed
	msgErrChainRefused
	msgErrChainPassphrase
	msgErrChainKey
	msgAIRead
	msgAIModel
	msgAISize
	msgAIInput
	msgAIInputScaled
	msgAIOutput
	msgAIOutputScaled
	msgAIWritten
	msgAIProgress
	msgAIRegistered
	msgAIResult
	msgErrAIUnsupported
	msgErrAIModel
	msgErrAIFile

	msgVaultFile
	msgVaultClosed
	msgVaultUsed
	msgVaultOpen
	msgVaultRestoredAt
	msgVaultNoDeadline
	msgVaultDeadline
	msgVaultDeadlineAll
	msgVaultMade
	msgVaultChanged
	msgVaultProfileMade
	msgVaultDuressMade
	msgVaultWipeAsk
	msgVaultWiped
	msgVaultGrown
	msgVaultAskPresent
	msgVaultAskNew
	msgVaultAskAgain
	msgVaultAskKeep
	msgVaultAskBackup
	msgBackupMade
	msgBackupImported
	msgBackupLimits
	msgErrVaultBackup
	msgErrVaultPassphraseNeeded
	msgErrVaultUnprotected
	msgErrVaultPassphrase
	msgErrVaultTaken
	msgErrVaultNoRegion
	msgErrVaultLocked
	msgErrVaultExists
	msgErrVaultNotFound
	msgErrVaultNetwork
	msgErrVaultSize

	numTexts
)

// reasons maps what the daemon's errors carry in [ReasonHeader] to texts.
var reasons = map[string]key{
	"no-identity":     msgErrNoIdentity,
	"identity-exists": msgErrIdentityExists,
	"phrase":          msgErrPhrase,
	"card":            msgErrCard,
	"card-altered":    msgErrCardAltered,
	"card-expired":    msgErrCardExpired,
	"card-future":     msgErrCardFuture,
	"own-card":        msgErrOwnCard,
	"no-contact":      msgErrNoContact,
	"name-taken":      msgErrNameTaken,
	"name":            msgErrBadName,
	"text":            msgErrBadText,
	"full":            msgErrFull,
	"no-space":        msgErrNoSpace,
	"no-service":      msgErrNoService,
	"space-link":      msgErrSpaceLink,
	"space-title":     msgErrSpaceTitle,
	"space-name":      msgErrSpaceName,
	"space-text":      msgErrSpaceText,
	"space-full":      msgErrSpaceFull,
	"space-export":    msgErrSpaceExport,
	"space-unknown":   msgErrSpaceUnknown,
	"space-earlier":   msgErrSpaceEarlier,
	"space-two":       msgErrSpaceTwo,
	"no-note":         msgErrNoNote,
	"note-name":       msgErrNoteName,
	"note-text":       msgErrNoteText,
	"note-base":       msgErrNoteBase,
	"note-full":       msgErrNoteFull,
	"note-busy":       msgErrNoteBusy,
}

// catalogue holds every text, English then Persian. Persian spelling needs the
// zero width non-joiner, which is easier to read in place than escaped.
//
//nolint:staticcheck // ST1018: see above
var catalogue = [numTexts][2]string{
	msgUnreachable: {
		"no sessiond answers at %s; start it with: %s",
		"هیچ sessiond در %s پاسخ نمی‌دهد؛ با این فرمان آن را اجرا کنید: %s",
	},
	msgYourID: {"Your Session ID: %s", "شناسهٔ شما: %s"},
	msgPhraseIntro: {
		"Your 24 words. Write them on paper, in order: they are the only way to restore this identity, and whoever has them is you.",
		"۲۴ واژهٔ شما. آن‌ها را به‌ترتیب روی کاغذ بنویسید: تنها راه بازیابی این هویت همین است و هر کس آن‌ها را داشته باشد به جای شماست.",
	},
	msgPhraseNext:  {"Next, give others your contact card: %s", "گام بعد، کارت تماس خود را به دیگران بدهید: %s"},
	msgRestored:    {"Restored. Your Session ID: %s", "بازیابی شد. شناسهٔ شما: %s"},
	msgRestoreAsk:  {"Type the 24 words, then Enter:", "۲۴ واژه را بنویسید و Enter بزنید:"},
	msgNoIdentity:  {"There is no identity yet: %s", "هنوز هویتی ساخته نشده است: %s"},
	msgCreated:     {"Made on: %s", "ساخته‌شده در: %s"},
	msgLink:        {"Link: %s", "پیوند: %s"},
	msgCardWritten: {"Your contact card is in %s. It is not secret: send it on any way you like.", "کارت تماس شما در %s است. محرمانه نیست: از هر راهی که خواستید بفرستید."},
	msgCardNext: {
		"Who has it adds it with: %s",
		"گیرنده آن را با این فرمان می‌افزاید: %s",
	},
	msgContactAdded:     {"Added %s, %s", "افزوده شد: %s، %s"},
	msgContactUpdated:   {"Took the newer card of %s, %s", "کارت تازهٔ %s جایگزین شد، %s"},
	msgContactBlocked:   {"Blocked %s, %s: nothing of theirs arrives from now on, and they are not told", "مسدود شد: %s، %s؛ از این پس چیزی از او نمی‌رسد و به او گفته نمی‌شود"},
	msgContactUnblocked: {"Unblocked %s, %s", "از مسدودی درآمد: %s، %s"},
	msgBlocked:          {"blocked", "مسدود"},
	msgContactRemoved:   {"Removed %s, %s", "حذف شد: %s، %s"},
	msgContactRenamed:   {"Renamed to %s, %s", "نام تازه: %s، %s"},
	msgNoContacts:       {"No contacts yet: %s", "هنوز مخاطبی نیست: %s"},
	msgSafety:           {"Safety words: %s", "رقم‌های ایمنی: %s"},
	msgSafetyHow: {
		"Both of you see the same words. Compare them in person or by voice before you trust this contact.",
		"هر دو نفر رقم‌های یکسان می‌بینید. پیش از اعتماد، آن‌ها را حضوری یا با صدا مقایسه کنید.",
	},
	msgConfirmed:      {"confirmed", "تأییدشده"},
	msgUnconfirmed:    {"not yet confirmed", "هنوز تأیید نشده"},
	msgRequest:        {"request: not in your contacts", "درخواست: در مخاطبان شما نیست"},
	msgExpires:        {"Card valid until: %s", "اعتبار کارت تا: %s"},
	msgStateQueued:    {"queued", "در صف"},
	msgStateStored:    {"stored %s of %s", "ذخیره‌شده %s از %s"},
	msgStateDelivered: {"delivered", "تحویل‌شده"},
	msgStateFailed:    {"failed: %s", "ناموفق: %s"},
	msgStateReceived:  {"received", "دریافت‌شده"},
	msgTo:             {"to %s", "به %s"},
	msgFrom:           {"from %s", "از %s"},
	msgNoMessages:     {"No messages yet.", "هنوز پیامی نیست."},
	msgNotDelivered: {
		"not delivered within %s; it stays %s and sessiond keeps trying",
		"در %s تحویل نشد؛ وضعیت آن %s می‌ماند و sessiond به تلاش ادامه می‌دهد",
	},
	msgFailed:      {"the message failed: %s", "پیام ناموفق بود: %s"},
	msgNetwork:     {"Network: %s", "شبکه: %s"},
	msgDataDir:     {"Data folder: %s", "پوشهٔ داده: %s"},
	msgPeerID:      {"Peer id: %s", "شناسهٔ گره: %s"},
	msgAddress:     {"Address: %s", "نشانی: %s"},
	msgPeers:       {"Peers: %s", "گره‌های متصل: %s"},
	msgQueued:      {"Messages in the queue: %s", "پیام‌های در صف: %s"},
	msgProtected:   {"The data folder has a passphrase.", "پوشهٔ داده گذرواژه دارد."},
	msgUnprotected: {"Warning: the data folder has no passphrase; set one with: %s", "هشدار: پوشهٔ داده گذرواژه ندارد؛ با این فرمان بگذارید: %s"},
	msgSince:       {"Running since: %s", "در حال کار از: %s"},
	msgNoPeers:     {"No peers: give sessiond a --bootstrap address.", "هیچ گرهی متصل نیست: به sessiond یک نشانی --bootstrap بدهید."},
	msgOutbound:    {"outbound", "خروجی"},
	msgInbound:     {"inbound", "ورودی"},
	msgQRStop:      {"Hold the other device before the screen until it has every part. Ctrl-C stops.", "دستگاه دیگر را جلوی صفحه نگه دارید تا همهٔ بخش‌ها را بخواند. Ctrl-C پایان می‌دهد."},
	msgQRFrame:     {"part %s of %s", "بخش %s از %s"},

	msgErrNoIdentity:     {"there is no identity yet", "هنوز هویتی ساخته نشده است؛ parsctl identity create"},
	msgErrIdentityExists: {"there is an identity already", "هویتی از پیش وجود دارد"},
	msgErrPhrase:         {"these are not the words of an identity", "این واژه‌ها عبارت بازیابی نیستند"},
	msgErrCard:           {"this is not a contact card", "این کارت تماس نیست"},
	msgErrCardAltered:    {"the card was altered", "کارت دست‌کاری شده است؛ نسخهٔ تازه‌ای بخواهید"},
	msgErrCardExpired:    {"the card has expired", "مهلت کارت گذشته است؛ کارت تازه بخواهید"},
	msgErrCardFuture:     {"the card is from the future", "تاریخ کارت در آینده است؛ یکی از دو ساعت درست نیست"},
	msgErrOwnCard:        {"this is your own card", "این کارت خودتان است"},
	msgErrNoContact:      {"there is no such contact", "چنین مخاطبی نیست؛ نخست کارت او را بیفزایید"},
	msgErrNameTaken:      {"another contact has that name", "مخاطب دیگری این نام را دارد"},
	msgErrBadName:        {"a name can't look like this", "نام پذیرفتنی نیست"},
	msgErrBadText:        {"the text is empty or too long", "متن خالی یا بیش از اندازه بلند است"},
	msgErrFull:           {"there is no room", "جا نیست"},

	msgSpaceMade:   {"Made the public space %s, %s", "فضای همگانی %s ساخته شد، %s"},
	msgSpaceJoined: {"You take part in the public space %s, %s", "به فضای همگانی %s پیوستید، %s"},
	msgSpaceLink:   {"Others join with: %s", "دیگران با این فرمان می‌پیوندند: %s"},
	msgSpacePublic: {
		"Whoever has the link reads everything, and what was posted can't be taken back.",
		"هر کس پیوند را داشته باشد همه چیز را می‌خواند و آنچه نوشته شد پس گرفتنی نیست.",
	},
	msgNoSpaces:       {"No public spaces yet: %s", "هنوز فضای همگانی نیست: %s"},
	msgSpaceLine:      {"%s  %s  posts %s, authors %s, linked nodes in it %s", "%s  %s  نوشته‌ها %s، نویسندگان %s، گره‌های متصل در آن %s"},
	msgNoPosts:        {"Nothing was posted yet.", "هنوز چیزی نوشته نشده است."},
	msgPostOwn:        {"you", "شما"},
	msgPostUnnamed:    {"without a name", "بی‌نام"},
	msgPostForked:     {"this author has signed two different posts under one number", "این نویسنده دو نوشتهٔ متفاوت را با یک شماره امضا کرده است"},
	msgPostUnreadable: {"[not a post that this version can show]", "[این نسخه نمی‌تواند این نوشته را نشان دهد]"},
	msgSpaceAlone: {
		"No linked node takes part in this space now; it is brought to others when one does.",
		"اکنون هیچ گره متصلی در این فضا نیست؛ هرگاه گرهی بیاید به آن می‌رسد.",
	},
	msgSyncEqual:     {"%s: equal; %s sent, %s received, %s bytes", "%s: برابر؛ %s فرستاده، %s دریافت، %s بایت"},
	msgSyncProblem:   {"%s: %s; %s sent, %s received", "%s: %s؛ %s فرستاده، %s دریافت"},
	msgSpaceExported: {"%s holds all of it, %s bytes. Whoever takes part imports it with: %s", "همهٔ آن در %s است، %s بایت. دیگر اعضا با این فرمان واردش می‌کنند: %s"},
	msgSpaceImported: {"Imported %s: %s posts of the file are here", "وارد شد: %s؛ %s نوشتهٔ فایل اینجاست"},
	msgNoNotes:       {"No notes yet: %s", "هنوز یادداشتی نیست: %s"},
	msgNoteLine:      {"%s  changes %s, authors %s, last %s by %s", "%s  ویرایش‌ها %s، نویسندگان %s، آخرین %s از %s"},
	msgNoteLast:      {"Changed %s by %s", "آخرین ویرایش %s از %s"},
	msgNoteForked:    {"Warning: one of its authors has signed two different things under one number.", "هشدار: یکی از نویسندگان دو چیز متفاوت را با یک شماره امضا کرده است."},
	msgNoteWritten:   {"The note %s is written.", "یادداشت %s نوشته شد."},
	msgNoteMerged:    {"Others have changed it meanwhile; it holds both.", "دیگران هم در این میان آن را ویرایش کرده‌اند؛ هر دو در آن هست."},

	msgNoServices:      {"No service node is known yet: give sessiond a --bootstrap address.", "هنوز هیچ گره خدماتی شناخته نیست: به sessiond یک نشانی --bootstrap بدهید."},
	msgServicesKnown:   {"Service nodes: %s, placement %s", "گره‌های خدماتی: %s، جای‌گذاری %s"},
	msgServiceOwn:      {"this node", "همین گره"},
	msgServiceUntil:    {"until %s", "تا %s"},
	msgLeft:            {"Everything is handed over; sessiond can be stopped.", "همه چیز واگذار شد؛ می‌توان sessiond را متوقف کرد."},
	msgLeftSome:        {"Not handed over yet: %s. Run this again in a while, before you stop sessiond.", "هنوز واگذار نشده: %s. پیش از توقف sessiond کمی بعد دوباره اجرا کنید."},
	msgErrNoService:    {"this node is no service node; start sessiond with --service", "این گره خدماتی نیست؛ sessiond را با --service اجرا کنید"},
	msgErrNoSpace:      {"there is no such space here", "چنین فضایی اینجا نیست؛ parsctl space list"},
	msgErrSpaceLink:    {"this is not a link of a public space", "این پیوند یک فضای همگانی نیست"},
	msgErrSpaceTitle:   {"a title can't look like this", "عنوان پذیرفتنی نیست"},
	msgErrSpaceName:    {"a name can't look like this", "نام پذیرفتنی نیست"},
	msgErrSpaceText:    {"the text is empty or too long", "متن خالی یا بیش از اندازه بلند است"},
	msgErrSpaceFull:    {"this node takes part in as many spaces as it can", "این گره در بیشترین شمار فضاها عضو است"},
	msgErrSpaceExport:  {"this is not an intact export", "این فایل خروجی سالم یک فضا نیست"},
	msgErrSpaceUnknown: {"this export is of a space that is not joined here", "این فایل از فضایی است که عضو آن نیستید؛ نخست با پیوند آن بپیوندید"},
	msgErrSpaceEarlier: {"an earlier export is missing", "فایل پیشین هنوز وارد نشده است؛ نخست آن را وارد کنید"},
	msgErrSpaceTwo:     {"more than one space has that title", "بیش از یک فضا این عنوان را دارد؛ شناسهٔ آن را بدهید"},
	msgErrNoNote:       {"there is no such note in this space", "چنین یادداشتی در این فضا نیست؛ parsctl space note list"},
	msgErrNoteName:     {"a note's name can't look like this", "نام یادداشت پذیرفتنی نیست"},
	msgErrNoteText:     {"the text is too long", "متن بیش از اندازه بلند است"},
	msgErrNoteBase:     {"this node has not read that far", "این گره تا آنجا نخوانده است؛ یادداشت را دوباره ببینید"},
	msgErrNoteFull:     {"this note has too many changes", "ویرایش‌های این یادداشت بیش از اندازه شده است؛ یادداشت تازه‌ای آغاز کنید"},
	msgErrNoteBusy:     {"too much is written in this space now", "اکنون در این فضا بسیار نوشته می‌شود؛ دوباره بکوشید"},
	msgThresholdPassphrase: {
		"Passphrase of %s:",
		"گذرواژهٔ %s:",
	},
	msgThresholdPassphraseAgain: {
		"Once more, for %s:",
		"یک بار دیگر، برای %s:",
	},
	msgThresholdCreated: {
		"Your keys are in %s. Without its passphrase nobody can use them, and nobody can bring it back.",
		"کلیدهای شما در %s است. بدون گذرواژه هیچ کس نمی‌تواند آن‌ها را به کار ببرد و گذرواژه بازیافتنی نیست.",
	},
	msgThresholdFingerprint: {
		"Your fingerprint: %s",
		"اثر انگشت شما: %s",
	},
	msgThresholdCardNext: {
		"Next, write your member card for the others: %s",
		"گام بعد، کارت عضویت خود را برای دیگران بنویسید: %s",
	},
	msgThresholdCard: {
		"Your member card is in %s. It is not secret. Compare fingerprints by voice when it has arrived.",
		"کارت عضویت شما در %s است. محرمانه نیست. پس از رسیدن آن، اثر انگشت‌ها را با صدا مقایسه کنید.",
	},
	msgThresholdCeremony: {
		"Ceremony %s: all members must see the same.",
		"مراسم %s: همهٔ اعضا باید همین را ببینند.",
	},
	msgThresholdWaiting: {
		"Round %s of %s: waiting for %s",
		"دور %s از %s: در انتظار %s",
	},
	msgThresholdUnreadable: {
		"Ignored: %s",
		"نادیده گرفته شد: %s",
	},
	msgThresholdAgain: {
		"not done yet; run the same command again when the others' files are in %s",
		"هنوز تمام نشده است؛ وقتی پرونده‌های دیگران در %s بود، همین فرمان را دوباره اجرا کنید",
	},
	msgThresholdGroup: {
		"Group %s: %s of %s members sign, %s",
		"گروه %s: %s نفر از %s عضو امضا می‌کنند، %s",
	},
	msgThresholdGroupID: {
		"Group ID: %s. Compare it with every member before you use the key.",
		"شناسهٔ گروه: %s. پیش از به‌کار بردن کلید، آن را با همهٔ اعضا مقایسه کنید.",
	},
	msgThresholdKey: {
		"Group key: %s",
		"کلید گروه: %s",
	},
	msgThresholdNoGroups: {
		"No groups yet: %s",
		"هنوز گروهی نیست: %s",
	},
	msgThresholdSignature: {
		"Signature: %s",
		"امضا: %s",
	},
	msgThresholdCheck: {
		"Check it on the chain: %s",
		"بررسی روی زنجیره: %s",
	},
	msgThresholdBlamed: {
		"it is over: %s. Start again without: %s",
		"پایان یافت: %s. دوباره بدون این عضو آغاز کنید: %s",
	},
	msgThresholdSuspects: {
		"it is over: %s. One of these did it: %s",
		"پایان یافت: %s. کار یکی از این‌هاست: %s",
	},
	msgErrThresholdHome: {
		"there are no keys yet",
		"هنوز کلیدی ساخته نشده است؛ parsctl threshold init",
	},
	msgErrThresholdExists: {
		"there are keys already",
		"کلیدها از پیش هست",
	},
	msgErrThresholdPassphrase: {
		"wrong passphrase",
		"گذرواژه نادرست یا پروندهٔ کلید خراب است",
	},
	msgErrThresholdLocked: {
		"another process has the folder open",
		"برنامهٔ دیگری این پوشه را باز کرده است",
	},
	msgErrThresholdCard: {
		"this is not a member card",
		"این کارت عضویت نیست",
	},
	msgErrThresholdSetup: {
		"members, threshold or signers don't fit",
		"اعضا، آستانه یا امضاکنندگان با هم نمی‌خوانند",
	},
	msgErrThresholdName: {
		"a name can't look like this",
		"نام پذیرفتنی نیست",
	},
	msgErrThresholdDamaged: {
		"a file is damaged",
		"پرونده‌ای خراب است",
	},

	msgOraclePassphrase: {"Passphrase of %s:", "گذرواژهٔ %s:"},
	msgOracleFeed:       {"Feed: %s", "خوراک داده: %s"},
	msgOracleSigned:     {"Signed %s as %s", "%s امضا شد، به نام %s"},
	msgOracleSent:       {"Sent in the transaction %s; waiting for its block", "در تراکنش %s فرستاده شد؛ در انتظار بلاک"},
	msgOracleDone:       {"Done: in block %s, for %s gas", "انجام شد: در بلاک %s، با %s گس"},
	msgOracleNotNeeded:  {"Not needed: %s is near what the feed has, and that is fresh enough", "نیازی نیست: %s نزدیک به مقدار کنونی خوراک است و آن هم تازه است"},

	msgErrChainUnreachable: {"no node answers", "هیچ گرهی پاسخ نمی‌دهد؛ نشانی --rpc را بررسی کنید"},
	msgErrChainFailed:      {"the transaction failed", "تراکنش ناموفق بود"},
	msgErrChainRefused:     {"the node refuses", "گره نپذیرفت"},
	msgErrChainPassphrase:  {"wrong passphrase, or a damaged keystore", "گذرواژه نادرست است یا فایل کلید آسیب دیده است"},
	msgErrChainKey:         {"no private key", "این فایل کلید خصوصی ندارد"},
	msgVaultFile: {
		"vault %s: %s, four regions of %s each",
		"گاوصندوق %s: %s، چهار بخش هر یک %s",
	},
	msgVaultClosed: {
		"no sessiond has it open; which profiles are in it, nobody can tell",
		"هیچ sessiond آن را باز نکرده است؛ هیچ‌کس نمی‌تواند بگوید چه نمایه‌هایی در آن است",
	},
	msgVaultUsed: {
		"this profile uses %s",
		"این نمایه %s را به کار برده است",
	},
	msgVaultOpen: {
		"no passphrase: whoever has the file can read it; %s",
		"بی‌گذرواژه: هر که این پرونده را دارد می‌تواند بخواندش؛ %s",
	},
	msgVaultRestoredAt: {
		"restored from a backup at %s",
		"در %s از پشتیبان بازگردانده شده است",
	},
	msgVaultNoDeadline: {
		"no deadline: the keys stay until you destroy them",
		"بی‌مهلت: کلیدها می‌مانند تا خودتان نابودشان کنید",
	},
	msgVaultDeadline: {
		"without a sign of life for %s days the keys of this profile are destroyed; the last one was at %s",
		"اگر %s روز نشانی از شما نباشد کلیدهای این نمایه نابود می‌شوند؛ آخرین نشان در %s بود",
	},
	msgVaultDeadlineAll: {
		"without a sign of life for %s days the keys of every profile are destroyed; the last one was at %s",
		"اگر %s روز نشانی از شما نباشد کلیدهای همهٔ نمایه‌ها نابود می‌شوند؛ آخرین نشان در %s بود",
	},
	msgVaultMade: {
		"made %s, four regions of %s each",
		"%s ساخته شد، چهار بخش هر یک %s",
	},
	msgVaultChanged: {
		"the passphrase was changed; copies of the disk made before still open with the old one",
		"گذرواژه عوض شد؛ رونوشت‌های پیشین دیسک هنوز با گذرواژهٔ پیشین باز می‌شوند",
	},
	msgVaultProfileMade: {
		"the profile was made; sessiond opens it when it is given its passphrase",
		"نمایه ساخته شد؛ sessiond با گذرواژه‌اش آن را باز می‌کند",
	},
	msgVaultDuressMade: {
		"the decoy is set; use it now and then, so that it looks lived in",
		"نمایهٔ فریب آماده است؛ گاهی به کارش ببرید تا واقعی بنماید",
	},
	msgVaultWipeAsk: {
		"This destroys every profile for good. Type wipe to go on:",
		"این کار همهٔ نمایه‌ها را برای همیشه نابود می‌کند. برای ادامه wipe بنویسید:",
	},
	msgVaultWiped: {
		"the keys of every profile are destroyed, in %s ms",
		"کلیدهای همهٔ نمایه‌ها در %s هزارم ثانیه نابود شدند",
	},
	msgVaultGrown: {
		"each region has %s now",
		"هر بخش اکنون %s است",
	},
	msgVaultAskPresent: {
		"Present passphrase:",
		"گذرواژهٔ کنونی:",
	},
	msgVaultAskNew: {
		"New passphrase:",
		"گذرواژهٔ تازه:",
	},
	msgVaultAskAgain: {
		"Once more:",
		"یک بار دیگر:",
	},
	msgVaultAskKeep: {
		"Passphrase of another profile that must stay (empty: no more):",
		"گذرواژهٔ نمایهٔ دیگری که باید بماند (خالی: دیگر نیست):",
	},
	msgVaultAskBackup: {
		"Passphrase of the backup:",
		"گذرواژهٔ پشتیبان:",
	},
	msgBackupMade: {
		"the backup %s holds %s entries",
		"پشتیبان %s دارای %s مدخل است",
	},
	msgBackupImported: {
		"the backup of %s with %s entries is a profile now",
		"پشتیبان %s با %s مدخل اکنون یک نمایه است",
	},
	msgBackupLimits: {
		"A restored device can't continue conversations and groups whose keys have moved on since the backup: they are set up again. Messages received since are not in it. Never run the old device and the restored one at the same time.",
		"دستگاه بازگردانده‌شده نمی‌تواند گفت‌وگوها و گروه‌هایی را که کلیدشان پس از پشتیبان عوض شده دنبال کند: از نو برپا می‌شوند. پیام‌های پس از آن در پشتیبان نیست. هرگز دستگاه پیشین و بازگردانده‌شده را هم‌زمان به کار نبرید.",
	},
	msgErrVaultBackup: {
		"the backup does not open",
		"پشتیبان باز نمی‌شود",
	},
	msgErrVaultPassphraseNeeded: {
		"a passphrase is needed: give --passphrase-file",
		"گذرواژه لازم است: ‎--passphrase-file‎ بدهید",
	},
	msgErrVaultUnprotected: {
		"the vault has no passphrase",
		"گاوصندوق گذرواژه ندارد",
	},
	msgErrVaultPassphrase: {
		"wrong passphrase; nothing was changed",
		"گذرواژه نادرست است؛ چیزی عوض نشد",
	},
	msgErrVaultTaken: {
		"that passphrase opens a profile already; choose another",
		"آن گذرواژه نمایه‌ای را باز می‌کند؛ گذرواژهٔ دیگری برگزینید",
	},
	msgErrVaultNoRegion: {
		"all four regions belong to profiles that must stay",
		"هر چهار بخش از آنِ نمایه‌هایی است که باید بمانند",
	},
	msgErrVaultLocked: {
		"a sessiond or another command has the vault open; stop it first",
		"sessiond یا فرمان دیگری گاوصندوق را باز کرده است؛ نخست آن را متوقف کنید",
	},
	msgErrVaultExists: {
		"there is a vault already",
		"گاوصندوقی از پیش هست",
	},
	msgErrVaultNotFound: {
		"there is no vault; sessiond or parsctl vault init makes it",
		"گاوصندوقی نیست؛ sessiond یا parsctl vault init آن را می‌سازد",
	},
	msgErrVaultNetwork: {
		"another network; give the right --network",
		"شبکهٔ دیگری است؛ ‎--network‎ درست را بدهید",
	},
	msgErrVaultSize: {
		"no such size is possible",
		"چنین اندازه‌ای شدنی نیست",
	},

	msgAIRead:         {"Read %s: %s", "%s خوانده شد: %s"},
	msgAIModel:        {"Model: %s", "مدل: %s"},
	msgAISize:         {"%s bytes, %s operators, %s products an inference", "%s بایت، %s عملگر، %s ضرب در هر استنتاج"},
	msgAIInput:        {"Input %s %s: whole numbers n", "ورودی %s %s: عددهای صحیح n"},
	msgAIInputScaled:  {"Input %s %s: whole numbers n that stand for %s", "ورودی %s %s: عددهای صحیح n به معنای %s"},
	msgAIOutput:       {"Output %s %s: whole numbers n", "خروجی %s %s: عددهای صحیح n"},
	msgAIOutputScaled: {"Output %s %s: whole numbers n that stand for %s", "خروجی %s %s: عددهای صحیح n به معنای %s"},
	msgAIWritten:      {"Written to %s", "در %s نوشته شد"},
	msgAIProgress:     {"Uploading %s %s of %s", "بارگذاری %s گام %s از %s"},
	msgAIRegistered:   {"Registered in block %s, for %s gas", "در بلاک %s با %s گس ثبت شد"},
	msgAIResult:       {"%s\nGreatest: number %s, counting from 0", "%s\nبزرگ‌ترین: شمارهٔ %s، با شمارش از ۰"},

	msgErrAIUnsupported: {"can't take %s at %s", "عملگر %s در %s پذیرفتنی نیست"},
	msgErrAIModel:       {"no model", "از این شبکه مدلی درست نمی‌شود"},
	msgErrAIFile:        {"no ONNX file", "این فایل ONNX خوانا نیست"},
}
