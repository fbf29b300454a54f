//! Every kind of fact that a row can yield.

use expect_test::expect;

use super::check;

const HEAD: &str = "format: csv\nsource: CRM\ncustomer: id\nobserved: day\nactor: {column: who, when: present, default: Anna}\n";

#[test]
fn profile_and_contact() {
    let mapping = format!(
        "{HEAD}
records:
  - profile:
      name: name
      employees: employees
      newsletter: {{column: letter, map: {{ja: yes, nej: no}}}}
      status: {{value: active}}
  - contact:
      key: {{template: \"{{id}}-1\"}}
      name: contact
      role: {{column: role, map: {{VD: decision_maker, ekonomi: finance, \"*\": other}}}}
      email: mail
      phone: {{column: phone, when: present}}
      verified: {{value: true}}
      active: {{column: left, map: {{\"*\": false}}, default: true}}
    only: contact
"
    );
    let rows = "id,day,name,employees,letter,contact,role,mail,left\n\
        7,2024-01-31,Sju,12,Ja,Åsa,vd,asa@example.org,\n\
        8,2024-01-31,Åtta,,,,,,\n\
        9,2024-01-31,Nio,,,Örjan,,,2023\n";
    check(
        &mapping,
        rows,
        expect![[r#"
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"employees","value":"12"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"name","value":"Sju"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"newsletter","value":"yes"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"status","value":"active"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"contact","key":"7-1","name":"Åsa","role":"decision_maker","email":"asa@example.org","verified":true,"active":true}
        8 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"name","value":"Åtta"}
        8 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"status","value":"active"}
        9 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"name","value":"Nio"}
        9 2024-01-30T23:00:00Z CRM/Anna {"kind":"profile","field":"status","value":"active"}
        9 2024-01-30T23:00:00Z CRM/Anna {"kind":"contact","key":"9-1","name":"Örjan","role":"other","verified":true,"active":false}
    "#]],
    );
}

#[test]
fn touchpoint_feedback_and_surveys_of_one_row() {
    let mapping = format!(
        "{HEAD}
only: {{column: kind, not: [draft]}}
records:
  - touchpoint: {{channel: kind, summary: text, quote: quote, with: met}}
    only: {{column: kind, is: [meeting, call]}}
    actor: met
  - feedback: {{service: service, text: text, quote: quote}}
    only: service
  - survey: {{score: score, comment: text}}
    only: score
  - survey_sent: {{name: text}}
    only: {{column: kind, is: [sent]}}
"
    );
    let rows = "id,day,who,kind,text,quote,met,service,score\n\
        7,2024-01-31,Bo,Meeting,Bra möte,Toppen!,Åsa,,\n\
        7,2024-02-01,,survey,Nöjd,,,Kurs,9\n\
        7,2024-02-02,,draft,Nej,,,Kurs,9\n\
        7,2024-02-03,,note,,,,,\n\
        7,2024-02-05,,sent,NPS,,,,\n\
        7,2024-02-04,,x,,,,,11\n";
    check(
        &mapping,
        rows,
        expect![[r#"
            7 2024-01-30T23:00:00Z CRM/Åsa {"kind":"touchpoint","channel":"meeting","summary":"Bra möte","quote":"Toppen!","with":"Åsa"}
            7 2024-01-31T23:00:00Z CRM/Anna {"kind":"feedback","service":"Kurs","text":"Nöjd","quote":null}
            7 2024-01-31T23:00:00Z CRM/Anna {"kind":"survey","score":9,"comment":"Nöjd"}
            nothing
            nothing
            7 2024-02-04T23:00:00Z CRM/Anna {"kind":"surveySent","name":"NPS"}
            orders.txt:7: column `score`: `11` is not a whole number from 0 to 10
        "#]],
    );
}

#[test]
fn measurements_are_numbers_or_words() {
    let mapping = format!(
        "{HEAD}
records:
  - measurement: {{metric: {{value: logins}}, number: logins, user: who, user_type: {{value: konsulent}}}}
    only: logins
  - measurement: {{metric: {{value: sentiment}}, word: mood}}
    only: mood
  - measurement: {{metric: {{value: share}}, number: {{column: share, decimal: \",\"}}}}
    only: share
"
    );
    let rows = "id;day;who;logins;mood;share\n7;2024-01-31;Bo;3;;\n7;2024-01-31;;;negative;0,40\n7;2024-02-01;;NaN;;\n7;2024-02-01;;;;1e400\n";
    check(
        &mapping.replace("format: csv", "format: csv\ndelimiter: \";\""),
        rows,
        expect![[r#"
            7 2024-01-30T23:00:00Z CRM/Bo {"kind":"measurement","metric":"logins","reading":{"number":"3"},"user":"Bo","userType":"konsulent"}
            7 2024-01-30T23:00:00Z CRM/Anna {"kind":"measurement","metric":"sentiment","reading":{"word":"negative"}}
            7 2024-01-30T23:00:00Z CRM/Anna {"kind":"measurement","metric":"share","reading":{"number":"0.40"}}
            orders.txt:4: column `logins`: `NaN` is not a number
            orders.txt:5: column `share`: `1e400` is not a number
        "#]],
    );
}

#[test]
fn todo_with_the_day_it_was_done() {
    let mapping = format!(
        "{HEAD}key: [key]
records:
  - todo:
      text: text
      due: {{column: due, date: \"%d/%m/%Y\"}}
      owner: owner
      priority: {{column: priority, map: {{hög: high, låg: low}}}}
      done: {{column: done, date: \"%d/%m/%Y\"}}
"
    );
    let rows = "id,day,key,text,due,owner,priority,done\n\
        7,2024-01-31,1,Ring,1/3/2024,Bo,hög,\n\
        7,2024-01-31,2,Skriv,,,,5/3/2024\n\
        7,2024-01-31,3,Boka,,,,ja\n\
        7,2024-01-31,4,Sov,,,,nej\n\
        7,2024-01-31,5,Vila,,,brådis,\n\
        7,2024-01-31,6,Vänta,,,,klar\n";
    check(
        &mapping,
        rows,
        expect![[r#"
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"todo","key":"1","text":"Ring","due":"2024-03-01","owner":"Bo","priority":"high"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"todo","key":"2","text":"Skriv","priority":"normal"}
        7 2024-03-04T23:00:00Z CRM/Anna {"kind":"todoDone","key":"2"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"todo","key":"3","text":"Boka","priority":"normal"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"todoDone","key":"3"}
        7 2024-01-30T23:00:00Z CRM/Anna {"kind":"todo","key":"4","text":"Sov","priority":"normal"}
        orders.txt:6: column `priority`: `brådis` is not in the map (hög, låg)
        orders.txt:7: column `done`: `klar` is not a date of the form %d/%m/%Y
    "#]],
    );
}

#[test]
fn subscription_opportunity_and_service() {
    let mapping = format!(
        "{HEAD}
records:
  - subscription:
      key: key
      name: name
      monthly: {{column: monthly, decimal: \",\", thousands: \" \"}}
      currency: currency
      start: start
      end: end
    only: monthly
  - opportunity:
      key: key
      title: name
      status: status
      value: {{column: value, decimal: \",\"}}
      currency: currency
      probability: chance
      expected: end
      quote: said
    only: value
  - service: {{key: key, name: name, status: delivery, note: said}}
    only: delivery
"
    );
    let rows = "id;day;key;name;monthly;currency;start;end;value;status;chance;said;delivery\n\
        7;2024-01-31;s;Bas;1 234,50;SEK;2024-01-01;;;;;;\n\
        7;2024-01-31;s;Bas;1 234,50;SEK;2024-01-01;2023-12-31;;;;;\n\
        7;2024-01-31;o;Mer;;sek;;2024-06-01;5000,00;Negotiation;80 %;Kanske;\n\
        7;2024-01-31;o;Mer;;SEK;;;5000;maybe;80;;\n\
        7;2024-01-31;o;Mer;;SEK;;;5000;won;101;;\n\
        7;2024-01-31;o;Mer;;kr;;;5000;won;100;;\n\
        7;2024-01-31;o;Mer;;SEK;;;-5000;won;100;;\n\
        7;2024-01-31;d;Kurs;;;;;;;;;started\n";
    check(
        &mapping.replace("format: csv", "format: csv\ndelimiter: ;"),
        rows,
        expect![[r#"
            7 2024-01-30T23:00:00Z CRM/Anna {"kind":"subscription","key":"s","name":"Bas","monthly":{"amount":"1234.50","currency":"SEK"},"start":"2024-01-01"}
            orders.txt:3: column `end`: the subscription ends on 2023-12-31, before it starts on 2024-01-01
            7 2024-01-30T23:00:00Z CRM/Anna {"kind":"opportunity","key":"o","title":"Mer","status":"negotiation","value":{"amount":"5000.00","currency":"SEK"},"probability":80,"expected":"2024-06-01","quote":"Kanske"}
            orders.txt:5: column `status`: `maybe` is not one of `discussed`, `proposed`, `negotiation`, `won`, `lost`; other words are told by `map:`
            orders.txt:6: column `chance`: `101` is not a whole number from 0 to 100
            orders.txt:7: column `currency`: `kr` is not a currency code such as SEK
            orders.txt:8: column `value`: the amount -5000 is negative
            7 2024-01-30T23:00:00Z CRM/Anna {"kind":"service","key":"d","name":"Kurs","status":"started"}
        "#]],
    );
}
