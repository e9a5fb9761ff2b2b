#include "letter_words.h"

const struct hf_letter_words hf_letter_nl = {
	.language = "nl",
	.to = "Aan: de abuse-afdeling van ",
	.no_provider = "[naam van de aanbieder]",
	.subject = "Onderwerp: melding van illegale inhoud (artikel 16 "
		   "DSA), met spoed\n",
	.reference = "Ons kenmerk: ",
	.ask = "Ik verzoek u de inhoud op de plaatsen hieronder te "
	       "verwijderen of\nontoegankelijk te maken, en te "
	       "voorkomen dat die terugkomt.\n",
	.ncii = "Het gaat om seksueel beeldmateriaal van iemand die "
		"niet met de\nopenbaarmaking heeft ingestemd. Dit "
		"openbaar maken is strafbaar\n(artikel 254ba van het "
		"Wetboek van Strafrecht). Het zijn bovendien\n"
		"persoonsgegevens die u zonder grondslag verwerkt: ik "
		"verzoek u die te\nwissen op grond van artikel 17 van "
		"de Algemene verordening\n"
		"gegevensbescherming (EU) 2016/679. Ik schrijf als de "
		"betrokkene, of\nnamens die persoon.\n",
	.csam = "Het gaat om beelden van seksueel misbruik van een "
		"minderjarige.\nVerspreiden, aanbieden en bezitten is "
		"strafbaar (artikel 252 van het\nWetboek van "
		"Strafrecht; in de Unie: Richtlijn 2011/93/EU). Stuur "
		"de\nbeelden niet door, zoek er niet naar, en bewaar "
		"wat de politie nodig\nkan hebben.\n",
	.places = "Exacte vindplaatsen:\n",
	.no_places = "    [het volledige adres van elke pagina en van "
		     "elke foto of video]\n",
	.answer = "Dit is een melding als bedoeld in artikel 16 van "
		  "de\ndigitaledienstenverordening (DSA), Verordening "
		  "(EU) 2022/2065. Vanaf\nnu hebt u kennis van deze "
		  "inhoud (artikel 6). Bevestig de ontvangst, en\n"
		  "laat mij weten wat u hebt besloten, waarom, en hoe "
		  "ik bezwaar kan\nmaken. De Gedragscode "
		  "Notice-and-Take-Down kent voor zulke inhoud een\n"
		  "termijn van 24 uur.\n",
	.faith = "Ik verklaar te goeder trouw dat deze melding juist "
		 "en volledig is.\n",
	.name = "Naam en e-mailadres:\n    ",
	.no_name = "[uw naam en een e-mailadres; een meldpunt of een "
		   "advocaat mag voor u tekenen]",
	.csam_name = "[mag bij deze inhoud worden weggelaten (artikel "
		     "16, lid 2, onder c, DSA)]",
	.cut = "\n----- einde van de brief; de rest is voor uzelf "
	       "-----\n\n",
	.attach = "Stuur mee:\n"
		  "  - de volledige adressen uit de adresbalk, van de "
		  "pagina en van de foto\n    of video zelf; een "
		  "zoekresultaat is niet genoeg\n"
		  "  - datum en tijd waarop u het daar zag\n"
		  "  - de naam van het account dat het plaatste, als "
		  "die te zien is\n",
	.ncii_not = "Stuur niet mee:\n"
		    "  - de foto of video zelf, of een schermafdruk waarop "
		    "die te zien is\n"
		    "  - een beschrijving van wat er te zien is: het adres "
		    "is genoeg\n"
		    "  - een kopie van uw paspoort. Vraagt men wie u bent, "
		    "dek dan foto en\n    nummers af en schrijf erop voor "
		    "wie de kopie is\n"
		    "Bewaar zelf: adressen, data, en elke bedreiging of "
		    "eis die u kreeg.\nBetaal niet, en antwoord niet aan "
		    "wie u bedreigt.\n",
	.csam_not = "Stuur, bewaar of kopieer geen foto's of video's, en "
		    "zoek niet verder:\ndat is zelf strafbaar, wat u er "
		    "ook mee bedoelt. Het adres is genoeg.\n",
	.help = "\nU hoeft dit niet alleen te doen:\n"
		"  - een meldpunt voor online misbruik kan zo'n "
		"melding voor u doen, en\n    aanbieders moeten die "
		"van betrouwbare flaggers met voorrang behandelen\n"
		"  - een hulplijn voor slachtoffers helpt om te zien "
		"wat er nog meer staat,\n    en om te zorgen dat "
		"bekende beelden niet opnieuw worden geplaatst,\n"
		"    zonder ze aan iemand te laten zien\n"
		"  - de politie neemt een melding of aangifte op; "
		"vraag naar iemand van\n    zedenzaken\n"
		"  - geen antwoord, of een verkeerd? Gebruik de "
		"klachtenprocedure van de\n    aanbieder, daarna de "
		"digitaledienstencoordinator van uw land (in\n"
		"    Nederland de ACM) of de Autoriteit "
		"Persoonsgegevens\n"
		"Is iemand nu in gevaar, bel dan het alarmnummer.\n",
};
