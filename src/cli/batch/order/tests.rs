use super::super::document::Document;
use super::*;

fn read(text: &str) -> Result<Order, Vec<Fault>> {
    let document = Document::read("a.toml".as_ref(), text)?;
    let mut faults = Vec::new();
    let now = "2026-02-03T04:05:06[UTC]".parse().unwrap();
    let variables = Variables::new(&document.variables, now, "R".to_owned(), &mut faults);
    let order = Order::read(&document.jobs[0], &document.defaults, &variables, &mut faults);
    order.ok_or(faults)
}

fn words(text: &str) -> String {
    let order = read(text).unwrap();
    order.verb().unwrap();
    order.words()[1..].join(" ")
}

#[test]
fn keys_become_the_options_of_the_command_line() {
    let job = "[[job]]\nname='a'\nsource='https://h/arcgis/rest/services/A/FeatureServer'\n";
    let keys = "output=['a.shp','a.kmz']\npage_size=10\nlayers=['x*', 7]\nno-geometry=false\nexplode=true\nbbox=[-1,2,3,4.5]\n";
    assert_eq!(
        words(&format!("{job}{keys}")),
        "export --output=a.shp --output=a.kmz --page-size=10 --layers=x* --layers=7 --explode --bbox=-1,2,3,4.5 --overwrite \
         --receipt -- https://h/arcgis/rest/services/A/FeatureServer"
    );
    assert_eq!(
        words(
            "[defaults]\npage-size=5\ncrs='EPSG:4326'\n[[job]]\nname='a'\nsource=['a.json','b.json']\noutput='a.csv'\nlco={A=1}\n"
        ),
        "convert --output=a.csv --lco=A=1 --crs=EPSG:4326 --overwrite --receipt -- a.json b.json"
    );
    assert_eq!(
        words("[[job]]\nname='a'\nsource='https://h/rest/services/T/GPServer/Buffer'\noutput='a/'\nparams={D='2 km', N=3}\n"),
        "run --output=a/ --params={\"D\":\"2 km\",\"N\":3} --overwrite --receipt -- https://h/rest/services/T/GPServer/Buffer"
    );
}

#[test]
fn a_default_that_the_job_leaves_no_room_for_is_none() {
    let job = |keys: &str| {
        let defaults = "[defaults]\nformat='shapefile'\nappend=true\nbbox='1,2,3,4'\n";
        words(&format!("{defaults}[[job]]\nname='a'\nsource='https://h/rest/services/A/FeatureServer/0'\n{keys}\n"))
    };
    assert!(job("output='a.gpkg'").starts_with("export --output=a.gpkg --append --bbox=1,2,3,4 --receipt"));
    assert!(job("output='a/'").contains("--format=shapefile"));
    assert!(!job("output='a.tab'\ndriver='MapInfo File'").contains("--format"));
    assert!(!job("output='a.gpkg'\noverwrite=true\nclip='c.json'").contains("--append"));
    assert!(!job("output='a.gpkg'\noverwrite=true\nclip='c.json'").contains("--bbox"));
}

#[test]
fn what_is_misspelt_or_impossible_is_told_by_line_and_with_the_nearest_name() {
    let fault = |key: &str| {
        let text = format!("[[job]]\nname='a'\nsource='https://h/rest/services/A/FeatureServer/0'\noutput='a.shp'\n{key}\n");
        let faults = read(&text).and_then(|order| order.verb().map_err(|fault| vec![fault]));
        let faults = faults.unwrap_err();
        assert_eq!((faults.len(), faults[0].line), (1, 5), "{faults:?}");
        faults[0].what.clone()
    };
    assert_eq!(fault("page_sise=1"), "there is no key 'page-sise'; did you mean \"page-size\"?");
    assert!(fault("page_size=0").contains("invalid value '0' for '--page-size <N>'"));
    assert!(fault("wire='pbff'").contains("a similar value exists: 'pbf'"));
    assert_eq!(fault("explode='yes'"), "'explode' is true or false");
    assert_eq!(fault("where=3"), "'where' is a text (SQL), and this is a number");
    assert!(fault("params={}").starts_with("'params' is a key of run"));
    assert!(fault("kind='exprot'").contains("export, run or convert"));
    for secret in ["token='x'", "password='x'", "header='Authorization: x'", "where='token=x'", "codebook='http://u:p@h'"] {
        assert!(fault(secret).contains("secret") || fault(secret).contains("token"), "{secret}");
    }
}

#[test]
fn an_address_may_name_a_token_by_its_place_in_the_environment() {
    let path = "https://h/rest/services/A/FeatureServer/0?token=${env:PATH}";
    assert!(read(&format!("[[job]]\nname='a'\nsource='{path}'\noutput='a.shp'\n")).is_ok());
}

/// A job with this address and these keys besides.
fn order(source: &str, keys: &str) -> Order {
    read(&format!("[[job]]\nname='a'\nsource='{source}'\noutput='a.shp'\n{keys}\n")).unwrap()
}

#[test]
fn a_job_with_another_token_is_the_same_job() {
    let with = |place: &str| order(&format!("https://h/rest/services/A/FeatureServer/0?token=${{env:{place}}}"), "").digest();
    assert_eq!(with("PATH"), with("CARGO_MANIFEST_DIR"));
    let plain = |keys: &str| order("https://h/rest/services/A/FeatureServer/0", keys).digest();
    assert_ne!(plain(""), plain("where='A = 1'"));
}

#[test]
fn a_job_is_another_one_once_a_file_that_it_names_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    for key in ["crs='@", "clip='"] {
        let digest = |content: &str| {
            std::fs::write(&file, content).unwrap();
            order("https://h/rest/services/A/FeatureServer/0", &format!("{key}{}'", file.display())).digest()
        };
        assert_eq!(digest("1"), digest("1"));
        assert_ne!(digest("1"), digest("2"), "{key}");
    }
}

#[test]
fn an_address_that_can_not_be_read_is_told_without_its_token() {
    for source in ["https://u@h/rest/services/A/FeatureServer/0", "h.example/rest/services/A/GPServer/T"] {
        let told = order(&format!("{source}?token=${{env:CARGO_MANIFEST_DIR}}"), "kind='export'").source();
        assert_eq!(told, source);
    }
}
