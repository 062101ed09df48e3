package main

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// textBytes is how much of a text the recogniser reads; shorter ones end in zeros.
const textBytes = 64

// languages are the labels: English, Persian in Latin letters, Persian.
var languages = [3]string{"en", "finglish", "fa"}

// zeroWidthNonJoiner stands between the parts of many Persian words; the lists
// below write it as ~.
const zeroWidthNonJoiner = "\u200c"

// Words of everyday messages, written down for this program. Every fifth word is
// in no text that is learnt from.
var words = [3]string{
	`hello hi thanks thank you please sorry yes no maybe okay good morning evening night today tomorrow yesterday now later soon
	when where what who why how which this that these those there here with without from about because after before again always
	never sometimes friend friends mother father brother sister family house home work school office street city country world
	water bread tea coffee dinner lunch breakfast food money price market shop phone message call letter book news picture music
	the and but for are was were have has had will would could should can cannot don't won't going coming leaving waiting
	see look listen speak talk read write send receive open close start stop begin finish help need want like love know think
	remember forget understand believe hope feel happy sad tired hungry busy free ready late early fast slow big small new old
	young beautiful difficult easy important right wrong left near far weather rain snow sun winter summer spring autumn week
	month year hour minute monday tuesday friday weekend train bus car airport ticket hotel doctor hospital medicine question
	answer problem solution password account computer internet safe private secret public meeting party birthday wedding child
	children people everyone nobody something nothing everything another together alone really very much more less little enough
	door window table chair kitchen garden river mountain bridge island village teacher student lesson language english garden`,
	`salam dorood khodahafez mamnoon merci lotfan bebakhshid bale na shayad khobe khoobam chetori khoobi sobh bekheir asr shab emrooz
	farda dirooz alan badan zood key koja chi kie chera chetor kodom in oon ina oona inja oonja ba bedoone az darbare chon baad ghabl
	dobare hamishe hichvaght gahi doost doostam madar pedar baradar khahar khanevade khoone kar madrese edare khiaboon shahr keshvar
	donya ab noon chai ghahve sham nahar sobhoone ghaza pool gheymat bazar maghaze goushi payam zang name ketab khabar aks ahang
	va vali baraye hastam hasti hast hastim bood boodam boodim daram dari dare darim khaham mikham mikhay mikhad mikhaym mitoonam
	mitooni nemitoonam miram miri mire miam miay miad montazeram bebin negah goosh bede begoo harf bekhoon benevis befrest begir
	baz kon beband shoroo tamoom komak lazem dooset dastan midoonam nemidoonam fekr mikonam mikoni yadam raft fahmidam omidvaram
	hess khoshhal narahat khaste gorosne sargarm azad amade dir tond yavash bozorg koochik jadid ghadimi javoon ghashang sakht asoon
	mohem dorost ghalat rast chap nazdik door hava baroon barf aftab zemestoon tabestoon bahar paeez hafte mah sal saat daghighe
	shanbe yekshanbe doshanbe jome ghatar otoboos mashin foroodgah belit hotel doktor bimarestan daroo soal javab moshkel rahe hal
	ramz hesab amn khosoosi raz jalase mehmooni tavallod aroosi bache bacheha mardom hame hichkas chizi hichi hamechiz ba ham tanha
	vaghean kheili bishtar kamtar kam bas azizam ghorbanet fadat daste dard nakone khaste nabashi ishala mashallah yani hala dige
	dar panjere miz sandali ashpazkhoone bagh rood kooh pol jazire roosta moalem daneshjoo dars zaban farsi ki bashe boro bia nakon`,
	`سلام درود خداحافظ ممنون مرسی لطفا ببخشید بله نه شاید خوبم چطوری صبح بخیر عصر شب امروز فردا دیروز الان بعدا زود کی کجا چی چرا
	چطور کدام این آن اینجا آنجا با بدون از درباره چون بعد قبل دوباره همیشه هیچ وقت گاهی دوست مادر پدر برادر خواهر خانواده خانه کار
	مدرسه اداره خیابان شهر کشور دنیا آب نان چای قهوه شام ناهار صبحانه غذا پول قیمت بازار مغازه گوشی پیام زنگ نامه کتاب خبر عکس آهنگ
	و ولی برای هستم هستی هست هستیم بود بودم دارم داری دارد داریم می~خواهم می~خواهی می~توانم نمی~توانم می~روم می~آیم منتظرم ببین نگاه
	گوش بده بگو حرف بخوان بنویس بفرست بگیر باز کن ببند شروع تمام کمک لازم می~دانم نمی~دانم فکر می~کنم یادم رفت فهمیدم امیدوارم خوشحال
	ناراحت خسته گرسنه سرگرم آزاد آماده دیر تند یواش بزرگ کوچک جدید قدیمی جوان قشنگ سخت آسان مهم درست غلط راست چپ نزدیک دور هوا باران
	برف آفتاب زمستان تابستان بهار پاییز هفته ماه سال ساعت دقیقه شنبه دوشنبه جمعه قطار اتوبوس ماشین فرودگاه بلیت دکتر بیمارستان دارو
	سوال جواب مشکل راه حل رمز حساب امن خصوصی راز جلسه مهمانی تولد عروسی بچه مردم همه هیچکس چیزی تنها واقعا خیلی بیشتر کمتر کم بس`,
}

// sentence is some words with what people put between them.
func sentence(random *rand.Rand, list []string) []byte {
	var out []string
	for range 2 + random.IntN(9) {
		w := list[random.IntN(len(list))]
		switch random.IntN(12) {
		case 0:
			w = strings.ToUpper(w[:1]) + w[1:]
			if w[0] >= utf8.RuneSelf {
				w = list[0]
			}
		case 1:
			w = strings.ToUpper(w)
		case 2:
			w += []string{",", ".", "!", "?", "...", " :)", " 12", " 2026"}[random.IntN(8)]
		case 3: // a letter that is drawn out, as in salaaam
			_, size := utf8.DecodeLastRuneInString(w)
			w += strings.Repeat(w[len(w)-size:], 1+random.IntN(2))
		}
		out = append(out, w)
	}
	return padded(strings.Join(out, " "))
}

// padded is the beginning of a text as the recogniser takes it.
func padded(text string) []byte {
	out := make([]byte, textBytes)
	copy(out, text)
	return out
}

func languageTask(random *rand.Rand) *task {
	t := &task{name: "language"}
	for label := range languages {
		var learnt, kept []string
		for i, w := range strings.Fields(strings.ReplaceAll(words[label], "~", zeroWidthNonJoiner)) {
			if i%5 == 4 {
				kept = append(kept, w)
			} else {
				learnt = append(learnt, w)
			}
		}
		for range 2000 {
			t.train = append(t.train, sample{sentence(random, learnt), label})
		}
		for range 500 {
			t.test = append(t.test, sample{sentence(random, kept), label})
		}
	}
	n := &network{in: [3]int{8, textBytes, 1}, table: newParameters(random, 256*8, 0.5), pool: true}
	n.convs = append(n.convs, newConv(random, n.in, 24, 4, 1, 1))
	n.dense = newConv(random, [3]int{24, 1, 1}, len(languages), 1, 1, 1)
	t.net = n
	return t
}
